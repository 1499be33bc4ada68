import { describe, expect, it } from 'vitest';
import { avoidedUntilMs } from './launch-health.js';

describe('the avoidance of an agent that fails launches', () => {
  const delays = (isLastResort: boolean) =>
    [1, 2, 3, 4, 5, 6, 100].map((count) => avoidedUntilMs({ count, lastAtMs: 7 }, isLastResort) - 7);

  it('doubles from 30 s to ten minutes', () => {
    expect(delays(false)).toEqual([30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]);
  });

  it('begins with a second if all agents are avoided, and is bounded alike', () => {
    expect(delays(true)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 600_000]);
  });
});
