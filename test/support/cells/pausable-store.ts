import type { CellStore, LogReader, LogReaderOptions } from '@berth/store';

/**
 * Holds back the readers of a cell's change log, like a host whose process gets no time. Everything else goes
 * on.
 */
export class LogPause {
  #resumed: Promise<void> = Promise.resolve();
  #resume = (): void => undefined;

  pause(): void {
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  resume(): void {
    this.#resume();
  }

  /** Returns the same store with log readers that this class holds back. */
  wrap(store: CellStore): CellStore {
    const openLogReader = (options?: LogReaderOptions) => this.#held(store.openLogReader(options));
    return new Proxy(store, {
      get: (target, name) => {
        if (name === 'openLogReader') return openLogReader;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  #held(reader: LogReader): LogReader {
    return {
      head: () => reader.head(),
      scan: () => reader.scan(),
      readLog: async (after, blockMs) => {
        await this.#resumed;
        const read = await reader.readLog(after, blockMs);
        await this.#resumed;
        return read;
      },
      close: () => {
        this.resume();
        return reader.close();
      },
    };
  }
}
