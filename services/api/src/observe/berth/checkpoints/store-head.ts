import { BerthError } from '@berth/shared/model/errors/errors';
import type { LogHead, LogReader } from '@berth/store';

/**
 * Asks the store for the last commit. Simultaneous callers share one question that is sent after all of
 * their calls.
 */
export class StoreHead {
  readonly #open: () => LogReader;
  #reader: LogReader | undefined;
  #asking: Promise<LogHead> | undefined;
  #next: Promise<LogHead> | undefined;
  #isClosed = false;

  constructor(open: () => LogReader) {
    this.#open = open;
  }

  /**
   * Returns a commit that is not older than this call. Rejects with BerthError `unavailable` if the store
   * does not answer.
   */
  read(): Promise<LogHead> {
    // The store may have answered the present question before this call. So the call needs the next one.
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
