import type { Clock } from '@berth/shared/process/clock';

/** How long a blocking read waits, on whose clock, and what ends it early. */
export interface BlockingWait {
  readonly blockMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Wakes the blocking reads of the memory store when there may be something new. */
export class Bell {
  #ringers = new Set<() => void>();

  /** Wakes all who wait. */
  ring(): void {
    const ringers = this.#ringers;
    this.#ringers = new Set();
    for (const wake of ringers) wake();
  }

  /** The first result of `take`, which is asked again after each ring; undefined once the wait is over. */
  async until<T>(take: () => T | undefined, wait: BlockingWait): Promise<T | undefined> {
    const deadlineMs = wait.clock.nowMs() + wait.blockMs;
    for (;;) {
      const taken = take();
      if (taken !== undefined) return taken;
      const leftMs = deadlineMs - wait.clock.nowMs();
      if (leftMs <= 0 || wait.signal.aborted) return undefined;
      await this.#rung(leftMs, wait);
    }
  }

  async #rung(leftMs: number, wait: BlockingWait): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#ringers.add(wake);
    wait.signal.addEventListener('abort', wake, { signal: woken.signal });
    await wait.clock.sleep(leftMs, woken.signal);
    woken.abort();
    this.#ringers.delete(wake);
  }
}
