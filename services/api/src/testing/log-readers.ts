import type { CellStore, LogRead, LogReader, LogReaderOptions } from '@berth/store';

/** Returns the store with log readers that `open` returns. */
export function withLogReaders(target: CellStore, open: (options: LogReaderOptions) => LogReader): CellStore {
  return new Proxy(target, {
    get: (_, name) => {
      if (name === 'openLogReader') return (options: LogReaderOptions = {}) => open(options);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Returns the reader with `read` around each of its reads. */
export function readingBy(
  reader: LogReader,
  by: (read: () => Promise<LogRead>) => Promise<LogRead>,
): LogReader {
  return {
    head: () => reader.head(),
    scan: () => reader.scan(),
    readLog: (after, blockMs) => by(() => reader.readLog(after, blockMs)),
    close: () => reader.close(),
  };
}
