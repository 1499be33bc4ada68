import type { Clock } from '@berth/shared/process/clock';

/** A sleep that can be ended early. A wake-up that comes before the sleep ends the next sleep at once. */
export class WakeableTimer {
  readonly #clock: Clock;
  #sleeper: AbortController | undefined;
  #isAwake = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  wake(): void {
    this.#isAwake = true;
    this.#sleeper?.abort();
  }

  /** Resolves after `ms`, when woken, or when the signal aborts. Only one caller sleeps at a time. */
  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isAwake && !signal.aborted) {
      const sleeper = new AbortController();
      const wake = () => sleeper.abort();
      this.#sleeper = sleeper;
      signal.addEventListener('abort', wake, { once: true });
      await this.#clock.sleep(ms, sleeper.signal);
      signal.removeEventListener('abort', wake);
      this.#sleeper = undefined;
    }
    this.#isAwake = false;
  }
}
