import { describe, expect, it } from 'vitest';
import { exponentialDelayMs } from './back-off.js';

describe('an exponential delay', () => {
  const delayOf = (attempt: number) => exponentialDelayMs({ firstMs: 100, maxMs: 1_000, attempt });

  it('doubles with each attempt up to its bound', () => {
    expect([0, 1, 2, 3, 4, 5].map(delayOf)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('stays finite for any number of attempts', () => {
    expect(delayOf(1e9)).toBe(1_000);
    expect(exponentialDelayMs({ firstMs: 0, maxMs: 1_000, attempt: 1e9 })).toBe(0);
    expect(exponentialDelayMs({ firstMs: 1, maxMs: Number.POSITIVE_INFINITY, attempt: 1e9 })).toBe(2 ** 52);
  });

  it('never exceeds the bound, even on the first attempt', () => {
    expect(exponentialDelayMs({ firstMs: 5_000, maxMs: 1_000, attempt: 0 })).toBe(1_000);
  });
});
