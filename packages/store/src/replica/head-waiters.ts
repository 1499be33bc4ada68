import type { LogHead } from '../contract/log.js';
import { boundedWait, type Waiter, type WaitLimit } from './bounded-wait.js';

/** The callers that wait for a commit of the store's present history. */
export class HeadWaiters {
  readonly #waiting = new Map<Waiter, LogHead>();

  /**
   * Resolves once `applied` reports the commit, or `restarted` is called. Rejects like the waits for a
   * revision.
   */
  wait(head: LogHead, limit: WaitLimit): Promise<void> {
    const enter = (waiter: Waiter) => {
      this.#waiting.set(waiter, head);
      return () => {
        this.#waiting.delete(waiter);
      };
    };
    return boundedWait(enter, head.revision, limit);
  }

  applied({ revision, commitId }: LogHead): void {
    for (const [waiter, wanted] of this.#waiting)
      if (wanted.revision === revision && wanted.commitId === commitId) waiter.resolve();
  }

  /** Resolves every wait for a commit that the new snapshot may hold. */
  restarted({ revision }: LogHead): void {
    for (const [waiter, wanted] of this.#waiting) if (wanted.revision <= revision) waiter.resolve();
  }

  rejectAll(error: unknown): void {
    for (const waiter of this.#waiting.keys()) waiter.reject(error);
  }
}
