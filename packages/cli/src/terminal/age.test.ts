import { describe, expect, it } from 'vitest';
import { ageSince, formatAge, formatSpan } from './age.js';

describe('an age', () => {
  it.each([
    [-5_000, '0s'],
    [900, '0s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [3_600_000, '1h'],
    [86_400_000 * 3, '3d'],
  ])('of %i ms is %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });

  it('is counted from a timestamp, and unknown without one', () => {
    expect(ageSince('2026-03-04T05:06:07.000Z', Date.parse('2026-03-04T05:09:07.000Z'))).toBe('3m');
    expect(ageSince(undefined, 0)).toBe('-');
  });
});

describe('a span', () => {
  it.each([
    [4_230, '4.2s'],
    [200_000, '3m20s'],
    [3_900_000, '1h05m'],
    [90_000_000, '1d01h'],
    [600_000, '10m'],
  ])('of %i ms is %s', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });
});
