import { describe, expect, it } from 'vitest';
import { countersAfter, loadAt, loadProfile, loadUntil, noCounters, steadyLoad } from './load.js';

describe('the load of a simulated container', () => {
  it.each([
    ['250', [{ fromMs: 0, value: 250 }]],
    [
      '0:900, 60:0.5',
      [
        { fromMs: 0, value: 900 },
        { fromMs: 60_000, value: 0.5 },
      ],
    ],
    [
      '60:1,0:2',
      [
        { fromMs: 0, value: 2 },
        { fromMs: 60_000, value: 1 },
      ],
    ],
    ['', []],
    [undefined, []],
    ['much', []],
    ['-5', []],
  ])('is read from %j', (text, profile) => {
    expect(loadProfile(text)).toEqual(profile);
  });

  it('changes from step to step', () => {
    const profile = loadProfile('0:900,60:100');
    expect([0, 59_999, 60_000].map((atMs) => loadAt(profile, atMs))).toEqual([900, 900, 100]);
    expect(loadAt([], 5)).toBe(0);
  });

  it('adds up over its steps', () => {
    const profile = loadProfile('10:900,60:100');
    expect([0, 10_000, 11_000, 60_000, 70_000].map((untilMs) => loadUntil(profile, untilMs))).toEqual([
      0, 0, 900_000, 45_000_000, 46_000_000,
    ]);
    expect(loadUntil(profile, 70_000, 200)).toBe(11_000_000);
  });

  it('moves the counters on', () => {
    const load = {
      cpuMillis: steadyLoad(500),
      memoryMb: [],
      networkInMbps: steadyLoad(8),
      networkOutMbps: steadyLoad(0.8),
    };
    const first = countersAfter(noCounters, load, { spanMs: 10_000, limitMillis: 0 });
    expect(first).toEqual({ cpuMs: 5_000, receivedBytes: 10_000_000, sentBytes: 1_000_000 });
    const second = countersAfter(first, load, { spanMs: 10_000, limitMillis: 100 });
    expect(second).toEqual({ cpuMs: 6_000, receivedBytes: 20_000_000, sentBytes: 2_000_000 });
  });
});
