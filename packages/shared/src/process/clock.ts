/** Where time comes from. Shells take one as an argument, so that tests can hold the time in their hands. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds since some moment, of which only differences mean something: it goes on evenly when the time is set. */
  elapsedMs?(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A timer that is set for longer goes off at once. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      let timer: NodeJS.Timeout;
      const wait = (leftMs: number) => {
        const stepMs = Math.min(leftMs, maxTimerMs);
        timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : done()), stepMs);
      };
      wait(ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/** What to measure how long something takes with; of a clock that cannot be set, that is the time. */
export function elapsedMs(clock: Clock): number {
  return clock.elapsedMs?.() ?? clock.nowMs();
}
