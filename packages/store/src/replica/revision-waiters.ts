import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import { linkAbort } from '@berth/shared/process/linked-abort';

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The bounds of a wait: a time, and a signal that ends it early. */
interface WaitLimit {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** The callers that wait for a revision. */
export class RevisionWaiters {
  readonly #byRevision = new Map<number, Set<Waiter>>();

  /**
   * Resolves once `reached` reports the revision. Rejects with BerthError `deadlineExceeded` after the time
   * limit, with the signal's reason once it aborts, and with the error given to `rejectAll`.
   */
  async wait(revision: number, limit: WaitLimit): Promise<void> {
    const { timeoutMs, clock, signal } = limit;
    signal?.throwIfAborted();
    const settled = linkAbort(signal);
    const { promise, waiter } = this.#add(revision);
    const timer = clock.sleep(timeoutMs, settled.signal).then(() => {
      waiter.reject(signal?.aborted ? signal.reason : tooLate(revision, timeoutMs));
    });
    try {
      await promise;
    } finally {
      settled.end();
      this.#remove(revision, waiter);
      await timer;
    }
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

  #add(revision: number): { promise: Promise<void>; waiter: Waiter } {
    let waiter: Waiter | undefined;
    const promise = new Promise<void>((resolve, reject) => {
      waiter = { resolve, reject };
    });
    if (waiter === undefined) throw new TypeError('a promise runs its executor at once');
    const waiters = this.#byRevision.get(revision) ?? new Set();
    waiters.add(waiter);
    this.#byRevision.set(revision, waiters);
    return { promise, waiter };
  }

  #remove(revision: number, waiter: Waiter): void {
    const waiters = this.#byRevision.get(revision);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#byRevision.delete(revision);
  }
}

function tooLate(revision: number, timeoutMs: number): BerthError {
  return new BerthError(
    'deadlineExceeded',
    `Revision ${revision} was not reached within ${timeoutMs} ms; try again.`,
  );
}
