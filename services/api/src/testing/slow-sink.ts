import { EventEmitter } from 'node:events';
import type { ByteSink } from '../observe-stream.js';

/** A sink that holds `capacity` messages until `read` takes them, and keeps the rules of Node's streams. */
export class SlowSink extends EventEmitter implements ByteSink {
  readonly #waiting: { bytes: Buffer; onFlushed: (() => void) | undefined }[] = [];
  readonly #capacity: number;
  #needsDrain = false;
  /** The most that were held at once. */
  peak = 0;

  constructor(capacity: number) {
    super();
    this.#capacity = capacity;
  }

  get held(): number {
    return this.#waiting.length;
  }

  write(bytes: Buffer, onFlushed?: () => void): boolean {
    this.#waiting.push({ bytes, onFlushed });
    this.peak = Math.max(this.peak, this.#waiting.length);
    this.#needsDrain = this.#waiting.length >= this.#capacity;
    return !this.#needsDrain;
  }

  /** Takes up to `count` messages. */
  read(count = Number.POSITIVE_INFINITY): Buffer[] {
    const taken: Buffer[] = [];
    while (taken.length < count) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      taken.push(next.bytes);
      next.onFlushed?.();
      if (this.#waiting.length === 0 && this.#needsDrain) {
        this.#needsDrain = false;
        this.emit('drain');
      }
    }
    return taken;
  }
}
