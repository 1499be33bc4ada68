import { type CancelTimer, startInterval, systemClock } from '@berth/shared/process/clock';
import type { CommitHeader } from '../core/cell-changes.js';
import type { Item } from '../core/items.js';

/** How often is looked whether a stream has been silent for too long. */
const lookEveryMs = 100;

/** One stream, as bookmarks see it. */
export interface BookmarkedStream {
  readonly intervalMs: number;
  /** When it was last told anything. */
  lastSentMs: number;
  /** Changes that wait to be sent. */
  readonly pending: number;
  /** Hands it what others may have been told before it. */
  flush(): void;
  offer(items: readonly Item[]): void;
}

/** Tells streams on which nothing happens how far they are, so that they can resume there, and know that they live. */
export class Bookmarks {
  readonly #streams = new Set<BookmarkedStream>();
  readonly #nowMs: () => number;
  readonly #last: () => CommitHeader;
  readonly #cancelTimer: CancelTimer;

  /** `last` tells the last commit; whoever subscribes has been told of it. */
  constructor(nowMs: () => number, last: () => CommitHeader) {
    this.#nowMs = nowMs;
    this.#last = last;
    this.#cancelTimer = startInterval(systemClock, lookEveryMs, () => this.#look());
  }

  /** Looks after the stream. Returns what ends that. */
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
      // A bookmark must not overtake what is told turn by turn.
      stream.flush();
      if (!isDue()) continue;
      batch ??= [{ kind: 'bookmark', commit: this.#last() }];
      stream.offer(batch);
      stream.lastSentMs = nowMs;
    }
  }
}
