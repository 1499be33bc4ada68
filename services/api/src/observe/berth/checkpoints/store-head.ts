import { BerthError } from '@berth/shared/model/errors/errors';
import type { LogHead, LogReader } from '@berth/store';

/** Asks the store for the last commit; those who ask at the same time share a question that none of them is late for. */
export class StoreHead {
  readonly #open: () => LogReader;
  #reader: LogReader | undefined;
  #asking: Promise<LogHead> | undefined;
  #next: Promise<LogHead> | undefined;
  #isClosed = false;

  constructor(open: () => LogReader) {
    this.#open = open;
  }

  /** A commit that is no older than this call. Rejects with BerthError `unavailable` where the store does not answer. */
  read(): Promise<LogHead> {
    // What is under way may have been answered before this call.
    if (this.#asking === undefined) return this.#ask();
    this.#next ??= this.#asking.then(
      () => this.#ask(),
      () => this.#ask(),
    );
    return this.#next;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reader?.close();
  }

  #ask(): Promise<LogHead> {
    this.#next = undefined;
    this.#asking = this.#head().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #head(): Promise<LogHead> {
    if (this.#isClosed) throw new BerthError('unavailable', 'The gateway is closing.');
    this.#reader ??= this.#open();
    return this.#reader.head();
  }
}
