import { describe, expect, it } from 'vitest';
import { systemRandom } from './random.js';

describe('the random source of a process', () => {
  it('creates ordered ids that never repeat', () => {
    const ids = Array.from({ length: 1_000 }, () => systemRandom.orderedUuid());
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
  });

  it('creates unordered ids of version 4', () => {
    expect(systemRandom.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
  });

  it('returns fractions below one', () => {
    const fractions = Array.from({ length: 100 }, () => systemRandom.fraction());
    expect(fractions.every((fraction) => fraction >= 0 && fraction < 1)).toBe(true);
  });
});
