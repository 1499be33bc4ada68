import { describe, expect, it } from 'vitest';
import { clockToleranceMs, isAhead } from './leader-time.js';

describe('a stored time of something that has happened', () => {
  it('counts while it lies in the past, or as little ahead as clocks may differ', () => {
    for (const atMs of [0, 1_000_000, 1_000_000 + clockToleranceMs])
      expect(isAhead(atMs, 1_000_000)).toBe(false);
  });

  it('comes from a clock that ran ahead if it lies further in the future', () => {
    expect(isAhead(1_000_001 + clockToleranceMs, 1_000_000)).toBe(true);
  });
});
