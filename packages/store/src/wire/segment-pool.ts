/*
 * Pooled memory for the commits that a gateway keeps.
 *
 * Problem: a gateway keeps some ten thousand recent commits. Decoded, they survived every collection of young
 * garbage and were moved each time.
 * Figure: at 7,000 changes a second the gateway stood still for 10 to 28 ms, five times a second, and for 120
 * ms at a full collection, before commits were kept as stored bytes. None was recorded for the pool alone.
 * Benchmark: `npm run bench -- observe` (p99 of the delay).
 * Off: `BERTH_STORE_TUNING=off` gives each commit memory of its own.
 */

/**
 * A piece of memory that holds many byte strings one after the other. It is reused once all of them have been
 * released.
 */
interface Segment {
  readonly memory: Buffer;
  used: number;
  /** Byte strings that are still kept. */
  pieces: number;
}

/** The pool keeps at most this many unused segments for reuse. */
const maxIdle = 4;

/**
 * Memory for byte strings that are kept for a while and released in their order of arrival. If each of them
 * had memory of its own, the garbage collector would visit all of them each time that some megabytes had come
 * and gone.
 */
export class SegmentPool {
  readonly #segmentBytes: number;
  readonly #idle: Segment[] = [];
  #filling: Segment;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
    this.#filling = newSegment(segmentBytes);
  }

  /** Keeps a copy of the bytes. */
  keep(bytes: Uint8Array): PooledBytes {
    const segment = this.#segmentFor(bytes.length);
    const start = segment.used;
    segment.memory.set(bytes, start);
    segment.used += bytes.length;
    segment.pieces += 1;
    return new PooledBytes(segment, start, segment.used);
  }

  /** Releases the bytes. Each owner calls it exactly once. */
  release({ segment }: PooledBytes): void {
    segment.pieces -= 1;
    if (segment !== this.#filling) this.#recycle(segment);
  }

  #segmentFor(length: number): Segment {
    if (length > this.#segmentBytes) return newSegment(length);
    if (this.#filling.used + length > this.#segmentBytes) {
      const full = this.#filling;
      this.#filling = this.#idle.pop() ?? newSegment(this.#segmentBytes);
      this.#recycle(full);
    }
    return this.#filling;
  }

  #recycle(segment: Segment): void {
    const isReusable = segment.memory.length === this.#segmentBytes;
    if (segment.pieces > 0 || !isReusable || this.#idle.length >= maxIdle) return;
    segment.used = 0;
    this.#idle.push(segment);
  }
}

/** Bytes that lie in a segment of the pool. */
export class PooledBytes {
  readonly segment: Segment;
  readonly #start: number;
  readonly #end: number;

  constructor(segment: Segment, start: number, end: number) {
    this.segment = segment;
    this.#start = start;
    this.#end = end;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** A copy of the bytes. It must not be asked for after their release. */
  copy(): Buffer {
    return Buffer.from(this.segment.memory.subarray(this.#start, this.#end));
  }
}

function newSegment(bytes: number): Segment {
  return { memory: Buffer.allocUnsafeSlow(bytes), used: 0, pieces: 0 };
}
