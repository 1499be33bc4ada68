import type { PendingMessage } from '../../tuning/encoding/pending-message.js';

/** Stands in the place of a message: more messages will come, but not yet. */
export const notReady = Symbol('not ready');

/**
 * The messages of a stream's first phase: a snapshot or a backfill. They are made one by one as the sink
 * takes them. `return` is called if not all are wanted. After {@link notReady} the stream waits until its
 * `moreReady` is called.
 */
export type InitialMessages = Iterator<PendingMessage | typeof notReady, void>;

/** Returns the same items. `close` is called after the last of them, or when nobody wants more. */
export function closing<T>(items: Iterator<T, void>, close: () => void): Iterator<T, void> {
  return {
    next: () => {
      const next = items.next();
      if (next.done === true) close();
      return next;
    },
    return: () => {
      close();
      return { done: true, value: undefined };
    },
  };
}
