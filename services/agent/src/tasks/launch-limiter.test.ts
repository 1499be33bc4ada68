import { describe, expect, it } from 'vitest';
import { limitBounds } from '../core/adaptive-limit.js';
import { LaunchLimiter, type LaunchPermit } from './launch-limiter.js';

function limiter(latencies: number[] = []) {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() };
  const launches = new LaunchLimiter({ clock, onLaunch: (latencyMs) => void latencies.push(latencyMs) });
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { launches, pass };
}

describe('launch permits', () => {
  it('are limited in number, and given out in order', () => {
    const { launches } = limiter();
    const held = Array.from({ length: limitBounds.initial }, () => launches.tryAcquire());
    expect(held.every((permit) => permit !== undefined)).toBe(true);
    expect(launches.tryAcquire()).toBeUndefined();
    const served: string[] = [];
    launches.enqueue(() => void served.push('first'));
    launches.enqueue(() => void served.push('second'));
    held[0]?.release(true);
    expect(served).toEqual(['first']);
    expect(launches).toMatchObject({ inFlight: limitBounds.initial, queued: 1 });
  });

  it('measure a launch even if the clock is put back meanwhile', () => {
    const latencies: number[] = [];
    let nowMs = 3_600_000;
    const clock = { nowMs: () => nowMs, elapsedMs: () => 300, sleep: () => Promise.resolve() };
    const launches = new LaunchLimiter({ clock, onLaunch: (latencyMs) => void latencies.push(latencyMs) });
    const permit = launches.tryAcquire();
    nowMs = 0;
    permit?.release(true);
    expect(latencies).toEqual([0]);
  });

  it('skip a caller that has left the queue', () => {
    const { launches } = limiter();
    const held = Array.from({ length: limitBounds.initial }, () => launches.tryAcquire());
    const served: string[] = [];
    const leave = launches.enqueue(() => void served.push('left'));
    launches.enqueue(() => void served.push('stayed'));
    leave();
    held[0]?.release(false);
    expect(served).toEqual(['stayed']);
  });

  it('keep a fixed limit on any engine', () => {
    const clock = { nowMs: () => 0, sleep: () => Promise.resolve() };
    const launches = new LaunchLimiter({ clock, fixedLimit: 2 });
    for (let count = 0; count < 100; count += 1) {
      const permits = [launches.tryAcquire(), launches.tryAcquire()];
      expect(launches.tryAcquire()).toBeUndefined();
      for (const permit of permits) permit?.release(true);
    }
    expect(launches.limit).toBe(2);
  });

  it('are given back once, even if they are released twice', () => {
    const { launches } = limiter();
    const permit = launches.tryAcquire() as LaunchPermit;
    permit.release(false);
    permit.release(true);
    expect(launches.inFlight).toBe(0);
  });

  it('measure only launches that succeeded', () => {
    const latencies: number[] = [];
    const { launches, pass } = limiter(latencies);
    const failed = launches.tryAcquire();
    const succeeded = launches.tryAcquire();
    pass(250);
    failed?.release(false);
    succeeded?.release(true);
    expect(latencies).toEqual([250]);
  });
});
