import { boundedWait, type Waiter, type WaitLimit } from './bounded-wait.js';

/** The callers that wait for a revision. */
export class RevisionWaiters {
  readonly #byRevision = new Map<number, Set<Waiter>>();

  /**
   * Resolves once `reached` reports the revision. Rejects with BerthError `deadlineExceeded` after the time
   * limit, with the signal's reason once it aborts, and with the error given to `rejectAll`.
   */
  wait(revision: number, limit: WaitLimit): Promise<void> {
    return boundedWait((waiter) => this.#add(revision, waiter), revision, limit);
  }

  /** Resolves every wait for a revision after `from`, up to `to`. */
  reached(from: number, to: number): void {
    if (this.#byRevision.size === 0) return;
    // Revisions mostly come one by one, and then no other waiter can be due.
    const due = to === from + 1 ? [to] : [...this.#byRevision.keys()].filter((revision) => revision <= to);
    for (const revision of due) {
      for (const waiter of this.#byRevision.get(revision) ?? []) waiter.resolve();
    }
  }

  rejectAll(error: unknown): void {
    for (const waiters of this.#byRevision.values()) for (const waiter of waiters) waiter.reject(error);
  }

  #add(revision: number, waiter: Waiter): () => void {
    const waiters = this.#byRevision.get(revision) ?? new Set();
    waiters.add(waiter);
    this.#byRevision.set(revision, waiters);
    return () => {
      waiters.delete(waiter);
      if (waiters.size === 0) this.#byRevision.delete(revision);
    };
  }
}
