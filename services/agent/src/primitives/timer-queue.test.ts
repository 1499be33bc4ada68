import type { Clock } from '@berth/shared/process/clock';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerQueue } from './timer-queue.js';

/** The test moves this time forward, directly to the next sleeper's time. */
class TestClock implements Clock {
  #nowMs = 0;
  #sleeper: { dueMs: number; wake: () => void } | undefined;
  sleeps = 0;

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.sleeps += 1;
    return new Promise((resolve) => {
      this.#sleeper = { dueMs: this.#nowMs + ms, wake: resolve };
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async passUntil(atMs: number): Promise<void> {
    for (let next = this.#sleeper; next !== undefined && next.dueMs <= atMs; next = this.#sleeper) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#sleeper = undefined;
      next.wake();
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    }
    this.#nowMs = atMs;
  }
}

describe('a queue of timers', () => {
  it('runs timers in the order of their times, each at its time', async () => {
    const appointments = fc.array(fc.integer({ min: 0, max: 1_000 }), { maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(appointments, async (times) => {
        const clock = new TestClock();
        const queue = new TimerQueue(clock);
        const kept: number[] = [];
        for (const time of times) {
          queue.at(time, () => {
            expect(clock.nowMs()).toBeGreaterThanOrEqual(time);
            kept.push(time);
          });
        }
        await clock.passUntil(2_000);
        expect(kept).toEqual(times.toSorted((a, b) => a - b));
        queue.close();
      }),
    );
  });

  it('runs a timer after its delay even if the clock is put back meanwhile', async () => {
    const clock = new TestClock();
    let setMs = 3_600_000;
    const settable: Clock = {
      nowMs: () => clock.nowMs() + setMs,
      elapsedMs: () => clock.nowMs(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
    };
    const queue = new TimerQueue(settable);
    const kept: number[] = [];
    queue.at(settable.nowMs() + 10, () => kept.push(clock.nowMs()));
    setMs = 0;
    queue.at(settable.nowMs() + 20, () => kept.push(clock.nowMs()));
    await clock.passUntil(100);
    expect(kept).toEqual([10, 20]);
    queue.close();
  });

  it('drops cancelled timers, and all timers when it is closed', async () => {
    const clock = new TestClock();
    const queue = new TimerQueue(clock);
    const kept: string[] = [];
    queue.at(10, () => void kept.push('cancelled'))();
    queue.at(20, () => void kept.push('kept'));
    queue.at(30, () => void kept.push('too late'));
    await clock.passUntil(25);
    queue.close();
    await clock.passUntil(100);
    expect(kept).toEqual(['kept']);
  });

  it('sleeps once for many timers', async () => {
    const clock = new TestClock();
    const queue = new TimerQueue(clock);
    let kept = 0;
    for (let count = 0; count < 1_000; count += 1) {
      queue.at(100, () => {
        kept += 1;
      });
    }
    await clock.passUntil(100);
    expect(kept).toBe(1_000);
    expect(clock.sleeps).toBe(1);
    queue.close();
  });
});
