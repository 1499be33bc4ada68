import { setImmediate as immediate } from 'node:timers/promises';

/** The source of time. Shells take one as an argument, so that a test can set the time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /**
   * Milliseconds since an arbitrary start. Only differences mean something: setting the time does not
   * change them.
   */
  elapsedMs?(): number;
  /** Resolves after `ms`, or at once when the signal aborts; never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Node fires a timer that is set for longer at once. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  elapsedMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const cancel = startSystemTimer(ms, done);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/**
 * Returns the time for measuring durations. Setting the system's time does not change it, if the clock can
 * tell.
 */
export function elapsedMs(clock: Clock): number {
  return clock.elapsedMs?.() ?? clock.nowMs();
}

/** Stops a timer. Safe to call again. */
export type CancelTimer = () => void;

/** Calls `run` once after `ms`, unless the timer is cancelled before. */
export function startTimer(clock: Clock, ms: number, run: () => void): CancelTimer {
  // Calls over the network each have a timer: the system's own costs no promise and no signal.
  if (clock === systemClock) return startSystemTimer(ms, run);
  const cancelled = new AbortController();
  void clock.sleep(ms, cancelled.signal).then(() => {
    if (!cancelled.signal.aborted) run();
  });
  return () => cancelled.abort();
}

/** Calls `run` every `ms` until the timer is cancelled. */
export function startInterval(clock: Clock, ms: number, run: () => void): CancelTimer {
  let cancel: CancelTimer;
  const arm = () => {
    cancel = startTimer(clock, ms, () => {
      arm();
      run();
    });
  };
  arm();
  return () => cancel();
}

function startSystemTimer(ms: number, run: () => void): CancelTimer {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number) => {
    const stepMs = Math.min(leftMs, maxTimerMs);
    timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/**
 * Resolves in the next turn of the event loop. That takes no time by the clock: everything else that is
 * ready runs first.
 */
export function nextTurn(): Promise<void> {
  return immediate();
}

/** Calls `run` in the next turn of the event loop. Costs no promise. */
export function inNextTurn(run: () => void): void {
  setImmediate(run);
}
