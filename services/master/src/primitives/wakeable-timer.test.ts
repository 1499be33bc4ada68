import { describe, expect, it } from 'vitest';
import { t0 } from '../testing/fixtures.js';
import { settle, VirtualClock } from '../testing/virtual-clock.js';
import { WakeableTimer } from './wakeable-timer.js';

function sleeper(signal = new AbortController().signal) {
  const clock = new VirtualClock();
  const timer = new WakeableTimer(clock);
  let awake = false;
  const sleep = () => {
    awake = false;
    return timer.sleep(1000, signal).then(() => {
      awake = true;
    });
  };
  return { clock, timer, sleep, isAwake: () => awake };
}

describe('an timer', () => {
  it('wakes by itself when the time is over', async () => {
    const { clock, sleep, isAwake } = sleeper();
    const asleep = sleep();
    await clock.advance(999);
    expect(isAwake()).toBe(false);
    await clock.advance(1);
    await asleep;
    expect(isAwake()).toBe(true);
  });

  it('wakes early when it is rung', async () => {
    const { clock, timer, sleep } = sleeper();
    const asleep = sleep();
    timer.wake();
    await asleep;
    expect(clock.nowMs()).toBe(t0);
  });

  it('does not fall asleep when it was rung just before, and sleeps the time after that', async () => {
    const { timer, sleep, isAwake } = sleeper();
    timer.wake();
    await sleep();
    const again = sleep();
    await settle();
    expect(isAwake()).toBe(false);
    timer.wake();
    await again;
  });

  it('wakes when its signal aborts, and does not fall asleep after that', async () => {
    const ending = new AbortController();
    const { clock, sleep, isAwake } = sleeper(ending.signal);
    const asleep = sleep();
    ending.abort();
    await asleep;
    await sleep();
    expect([isAwake(), clock.nowMs()]).toEqual([true, t0]);
  });
});
