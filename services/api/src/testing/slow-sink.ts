import { EventEmitter } from 'node:events';
import type { Encoded } from '@berth/shared/rpc/streaming/pass-through';
import type { ByteSink } from '../observe/stream/observe-stream.js';

/** A sink that holds `capacity` writes until `read` takes them, and keeps the rules of Node's streams. */
export class SlowSink extends EventEmitter implements ByteSink {
  readonly #waiting: { message: Encoded; onFlushed: (() => void) | undefined }[] = [];
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

  write(message: Encoded, onFlushed?: () => void): boolean {
    this.#waiting.push({ message, onFlushed });
    this.peak = Math.max(this.peak, this.#waiting.length);
    this.#needsDrain = this.#waiting.length >= this.#capacity;
    return !this.#needsDrain;
  }

  /** Takes up to `count` writes, and returns the messages in them. */
  read(count = Number.POSITIVE_INFINITY): Buffer[] {
    const taken: Buffer[] = [];
    for (let writes = 0; writes < count; writes += 1) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      taken.push(...(Buffer.isBuffer(next.message) ? [next.message] : next.message.messages()));
      next.onFlushed?.();
      if (this.#waiting.length === 0 && this.#needsDrain) {
        this.#needsDrain = false;
        this.emit('drain');
      }
    }
    return taken;
  }
}
