import { touchEveryMs } from '@berth/shared/model/job/observer-times';
import { type CancelTimer, startInterval, systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { ObserverRegistry } from '@berth/store';

/**
 * Reports the jobs that are observed here to the cell, at intervals. It costs nothing while there are none.
 */
export class ObserverHeartbeats {
  readonly #store: Pick<ObserverRegistry, 'recordObserved'>;
  readonly #log: Logger;
  /** The number of open streams of each job. */
  readonly #open = new Map<string, number>();
  #cancelTimer: CancelTimer | undefined;
  #isTouching = false;

  constructor(store: Pick<ObserverRegistry, 'recordObserved'>, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Reports the job as observed from now on. Returns a function that ends it; it may be called again. */
  hold(jobId: string): () => void {
    this.#open.set(jobId, (this.#open.get(jobId) ?? 0) + 1);
    this.#cancelTimer ??= startInterval(systemClock, touchEveryMs, () => this.#touchOpen());
    void this.#touch([jobId]);
    let isHeld = true;
    return () => {
      if (isHeld) this.#release(jobId);
      isHeld = false;
    };
  }

  close(): void {
    this.#open.clear();
    this.#rest();
  }

  #release(jobId: string): void {
    const left = (this.#open.get(jobId) ?? 0) - 1;
    if (left > 0) {
      this.#open.set(jobId, left);
      return;
    }
    // The time without subscribers begins now.
    if (this.#open.delete(jobId)) void this.#touch([jobId]);
    if (this.#open.size === 0) this.#rest();
  }

  #rest(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** One at a time: while the store does not answer, touches must not pile up. */
  #touchOpen(): void {
    if (this.#isTouching) return;
    this.#isTouching = true;
    void this.#touch([...this.#open.keys()]).finally(() => {
      this.#isTouching = false;
    });
  }

  /** Never rejects: the next touch tries again. */
  async #touch(jobIds: readonly string[]): Promise<void> {
    try {
      await this.#store.recordObserved(jobIds);
    } catch (error) {
      this.#log.warn(
        { err: error, jobs: jobIds.length },
        'cannot report that jobs are observed; trying again',
      );
    }
  }
}
