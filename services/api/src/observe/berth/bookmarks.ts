import type { CommitMark } from './core/cell-changes.js';
import type { Item } from './items.js';

/** How often is looked whether a stream has been silent for too long. */
const lookEveryMs = 100;

/** One stream, as bookmarks see it. */
export interface Silent {
  readonly intervalMs: number;
  /** When it was last told anything. */
  lastToldMs: number;
  /** Changes that wait to be sent. */
  readonly pending: number;
  /** Hands it what others may have been told before it. */
  flush(): void;
  offer(items: readonly Item[]): void;
}

/** Tells streams on which nothing happens how far they are, so that they can resume there, and know that they live. */
export class Bookmarks {
  readonly #streams = new Set<Silent>();
  readonly #nowMs: () => number;
  readonly #last: () => CommitMark;
  readonly #timer: NodeJS.Timeout;

  /** `last` tells the last commit; whoever subscribes has been told of it. */
  constructor(nowMs: () => number, last: () => CommitMark) {
    this.#nowMs = nowMs;
    this.#last = last;
    this.#timer = setInterval(() => this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  /** Looks after the stream. Returns what ends that. */
  add(stream: Silent): () => void {
    this.#streams.add(stream);
    return () => this.#streams.delete(stream);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = this.#nowMs();
    let batch: readonly Item[] | undefined;
    for (const stream of this.#streams) {
      // The clock may have been set back.
      if (stream.lastToldMs > nowMs) stream.lastToldMs = nowMs;
      const isDue = () => nowMs - stream.lastToldMs >= stream.intervalMs && stream.pending === 0;
      if (!isDue()) continue;
      // A bookmark must not overtake what is told turn by turn.
      stream.flush();
      if (!isDue()) continue;
      batch ??= [{ kind: 'bookmark', commit: this.#last() }];
      stream.offer(batch);
      stream.lastToldMs = nowMs;
    }
  }
}
