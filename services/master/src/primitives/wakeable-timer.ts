import type { Clock } from '@berth/shared/process/clock';

/** A sleep that can be cut short. A wake before the sleep counts for it. */
export class Alarm {
  readonly #clock: Clock;
  #sleeper: AbortController | undefined;
  #isRung = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#isRung = true;
    this.#sleeper?.abort();
  }

  /** Resolves after `ms`, when woken, or when the signal aborts. One sleeper at a time. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) {
      const sleeper = new AbortController();
      const wake = () => sleeper.abort();
      this.#sleeper = sleeper;
      signal.addEventListener('abort', wake, { once: true });
      await this.#clock.sleep(ms, sleeper.signal);
      signal.removeEventListener('abort', wake);
      this.#sleeper = undefined;
    }
    this.#isRung = false;
  }
}
