import { type CancelTimer, startInterval, systemClock } from '@berth/shared/process/clock';
import type { CommitHeader } from '../core/cell-changes.js';
import type { Item } from '../core/items.js';

/** The interval between two checks for silent streams. */
const lookEveryMs = 100;

/** One stream, as bookmarks see it. */
export interface BookmarkedStream {
  readonly intervalMs: number;
  /** The time of the last item for it. */
  lastSentMs: number;
  /** Changes that wait to be sent. */
  readonly pending: number;
  /** Offers the stream all changes that other streams may have got before it. */
  flush(): void;
  offer(items: readonly Item[]): void;
}

/**
 * Sends bookmarks to silent streams. A subscriber can resume at the bookmark, and sees that its stream is
 * alive.
 */
export class Bookmarks {
  readonly #streams = new Set<BookmarkedStream>();
  readonly #nowMs: () => number;
  readonly #last: () => CommitHeader;
  readonly #cancelTimer: CancelTimer;

  /** `last` returns the last commit. Every subscriber has got it or will get it by `flush`. */
  constructor(nowMs: () => number, last: () => CommitHeader) {
    this.#nowMs = nowMs;
    this.#last = last;
    this.#cancelTimer = startInterval(systemClock, lookEveryMs, () => this.#look());
  }

  /** Sends bookmarks to the stream from now on. Returns a function that stops this. */
  add(stream: BookmarkedStream): () => void {
    this.#streams.add(stream);
    return () => this.#streams.delete(stream);
  }

  close(): void {
    this.#cancelTimer();
  }

  #look(): void {
    const nowMs = this.#nowMs();
    let batch: readonly Item[] | undefined;
    for (const stream of this.#streams) {
      // The clock may have been set back.
      if (stream.lastSentMs > nowMs) stream.lastSentMs = nowMs;
      const isDue = () => nowMs - stream.lastSentMs >= stream.intervalMs && stream.pending === 0;
      if (!isDue()) continue;
      // A bookmark must not overtake a batch that is delivered over several turns.
      stream.flush();
      if (!isDue()) continue;
      batch ??= [{ kind: 'bookmark', commit: this.#last() }];
      stream.offer(batch);
      stream.lastSentMs = nowMs;
    }
  }
}
