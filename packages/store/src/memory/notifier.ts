import type { Clock } from '@berth/shared/process/clock';

/** The bounds of a blocking read: a time on a clock, and a signal that ends it early. */
interface BlockingWait {
  readonly blockMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Wakes the blocking reads of the memory store when there may be something to read. */
export class Notifier {
  #waiters = new Set<() => void>();

  /** Wakes every waiting read. */
  notify(): void {
    const waiters = this.#waiters;
    this.#waiters = new Set();
    for (const wake of waiters) wake();
  }

  /** Calls `take` now and after each notification until it has a result. Undefined at the end of the wait. */
  async waitFor<T>(take: () => T | undefined, wait: BlockingWait): Promise<T | undefined> {
    const deadlineMs = wait.clock.nowMs() + wait.blockMs;
    for (;;) {
      const taken = take();
      if (taken !== undefined) return taken;
      const leftMs = deadlineMs - wait.clock.nowMs();
      if (leftMs <= 0 || wait.signal.aborted) return undefined;
      await this.#notified(leftMs, wait);
    }
  }

  async #notified(leftMs: number, wait: BlockingWait): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#waiters.add(wake);
    wait.signal.addEventListener('abort', wake, { signal: woken.signal });
    await wait.clock.sleep(leftMs, woken.signal);
    woken.abort();
    this.#waiters.delete(wake);
  }
}
