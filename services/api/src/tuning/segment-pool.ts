/** What holds many pieces, one after the other, and serves again once all of them have been given up. */
interface Segment {
  readonly memory: Buffer;
  used: number;
  /** Pieces that are still kept. */
  pieces: number;
}

/** Segments that wait to serve again. */
const maxIdle = 4;

/**
 * Memory for pieces that are kept for a while and given up in the order in which they came. Were each one's memory its own, the
 * collector of garbage would have to look at everything each time that some megabytes of them had come and gone.
 */
export class RecycledMemory {
  readonly #segmentBytes: number;
  readonly #idle: Segment[] = [];
  #filling: Segment;

  constructor(segmentBytes: number) {
    this.#segmentBytes = segmentBytes;
    this.#filling = newSegment(segmentBytes);
  }

  /** Keeps a copy of the bytes. */
  keep(bytes: Uint8Array): KeptBytes {
    const segment = this.#segmentFor(bytes.length);
    const start = segment.used;
    segment.memory.set(bytes, start);
    segment.used += bytes.length;
    segment.pieces += 1;
    return new KeptBytes(segment, start, segment.used);
  }

  /** The piece is no longer needed by who has kept it. To be called once for each. */
  giveUp({ segment }: KeptBytes): void {
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
    const isOfUse = segment.memory.length === this.#segmentBytes;
    if (segment.pieces > 0 || !isOfUse || this.#idle.length >= maxIdle) return;
    segment.used = 0;
    this.#idle.push(segment);
  }
}

/** A piece of memory that is kept. */
export class KeptBytes {
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

  /** A copy of the bytes. Not to be asked for once they have been given up. */
  copy(): Buffer {
    return Buffer.from(this.segment.memory.subarray(this.#start, this.#end));
  }
}

function newSegment(bytes: number): Segment {
  return { memory: Buffer.allocUnsafeSlow(bytes), used: 0, pieces: 0 };
}
