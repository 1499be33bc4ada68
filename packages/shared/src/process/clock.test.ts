import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Clock, startInterval, startTimer, systemClock } from './clock.js';

const dayMs = 24 * 3600 * 1000;

describe('the system clock', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  /** Tells for each of these spans, added up, if a sleep of `ms` is over. */
  async function isOver(ms: number, spansMs: readonly number[], signal?: AbortSignal): Promise<boolean[]> {
    let over = false;
    void systemClock.sleep(ms, signal).then(() => {
      over = true;
    });
    const seen: boolean[] = [];
    for (const spanMs of spansMs) {
      await vi.advanceTimersByTimeAsync(spanMs);
      seen.push(over);
    }
    return seen;
  }

  it('sleeps for the given time, even for longer than one timer can', async () => {
    expect(await isOver(1000, [999, 1])).toEqual([false, true]);
    expect(await isOver(30 * dayMs, [1000, 25 * dayMs, 5 * dayMs - 1001, 1])).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(await isOver(Number.POSITIVE_INFINITY, [dayMs, 100 * dayMs])).toEqual([false, false]);
  });

  it('wakes from a long sleep when the signal aborts, and leaves no timer behind', async () => {
    const ending = new AbortController();
    const timers = vi.getTimerCount();
    const sleeping = isOver(60 * dayMs, [40 * dayMs], ending.signal);
    expect(await sleeping).toEqual([false]);
    expect(vi.getTimerCount()).toBe(timers + 1);
    const woken = isOver(60 * dayMs, [0], ending.signal);
    ending.abort();
    expect(await woken).toEqual([true]);
    expect(vi.getTimerCount()).toBe(timers);
  });

  const sameTime: Clock = { nowMs: systemClock.nowMs, sleep: systemClock.sleep };

  it.each([
    ['the system', systemClock],
    ['another clock', sameTime],
  ])('runs timers and intervals of %s until they are cancelled', async (_, clock) => {
    const runs: string[] = [];
    const timers = vi.getTimerCount();
    startTimer(clock, 100, () => runs.push('timer'));
    const cancelTimer = startTimer(clock, 100, () => runs.push('cancelled timer'));
    const cancelInterval = startInterval(clock, 60, () => runs.push('interval'));
    cancelTimer();
    await vi.advanceTimersByTimeAsync(130);
    expect(runs).toEqual(['interval', 'timer', 'interval']);
    cancelInterval();
    await vi.advanceTimersByTimeAsync(500);
    expect(runs).toHaveLength(3);
    expect(vi.getTimerCount()).toBe(timers);
  });

  it('lets a task cancel its own interval', async () => {
    let runs = 0;
    const cancel = startInterval(systemClock, 10, () => {
      runs += 1;
      if (runs === 2) cancel();
    });
    await vi.advanceTimersByTimeAsync(100);
    expect(runs).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
  });
});
