/*
 * Problem: a leader makes most of the commits of a busy cell, and decoding its own commits is most of the
 * cost of following them.
 * Figure: none was recorded for this alone.
 * Benchmark: `npm run bench -- schedule` (placements per second).
 * Off: `BERTH_STORE_TUNING=off` decodes own commits like any other.
 */
import type { EncodedWrite } from '../commit/encoded-write.js';

/** A process waits for at most this many of its own commits at a time. */
const maxExpected = 16;

/** Keeps the writes of this process's own commits until the log brings them back. */
export class OwnCommits {
  readonly #writes = new Map<string, readonly EncodedWrite[]>();

  /** Forgets the oldest beyond a bound. The replica decodes these like any other commit. */
  expect(commitId: string, writes: readonly EncodedWrite[]): void {
    this.#writes.set(commitId, writes);
    if (this.#writes.size <= maxExpected) return;
    for (const oldest of this.#writes.keys()) {
      this.#writes.delete(oldest);
      break;
    }
  }

  /**
   * Returns the writes of the commit, in order, and forgets them. Undefined for the commit of another
   * process.
   */
  take(commitId: string): readonly EncodedWrite[] | undefined {
    if (this.#writes.size === 0) return undefined;
    const writes = this.#writes.get(commitId);
    this.#writes.delete(commitId);
    return writes;
  }
}
