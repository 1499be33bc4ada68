import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freeQuotaNumber } from './cluster-limits.js';

const holders = (...places: readonly number[]) => places.map((clusterPlace) => ({ clusterPlace }));

describe('the quota numbers of a cluster', () => {
  it('begin with the lowest, and with another by choice', () => {
    expect(freeQuotaNumber(3, [])).toBe(1);
    expect(freeQuotaNumber(3, holders(1, 3))).toBe(2);
    expect([0, 1, 2, 3].map((choice) => freeQuotaNumber(3, [], choice))).toEqual([1, 2, 3, 1]);
    expect(freeQuotaNumber(3, holders(1, 2, 3))).toBeUndefined();
  });

  it('are fewer if live jobs hold none', () => {
    expect(freeQuotaNumber(3, [{}, {}])).toBe(1);
    expect(freeQuotaNumber(3, [{}, {}, ...holders(1)])).toBeUndefined();
    expect(freeQuotaNumber(3, [{}, {}, {}, {}])).toBeUndefined();
  });

  it('never exceed a lowered limit, or the limit after jobs replaced others', () => {
    const choices = [0, 1, 2];
    // Three jobs created at the same time, beside one from the time when the limit was ten.
    expect(choices.map((choice) => freeQuotaNumber(3, holders(9), choice))).toEqual([1, 2, 1]);
    expect(choices.map((choice) => freeQuotaNumber(3, [{}, ...holders(3)], choice))).toEqual([1, 1, 1]);
  });

  it('never admit more jobs than the limit, even for several callers with incomplete views', () => {
    const aTaker = fc.record({ sees: fc.array(fc.boolean(), { maxLength: 12 }), choice: fc.nat() });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.nat({ max: 6 }),
        fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 6 }),
        fc.array(aTaker, { maxLength: 20 }),
        (max, unplaced, placed, takers) => {
          const all = [...Array.from({ length: unplaced }, () => ({})), ...holders(...placed)];
          const there = all.slice(0, max);
          const taken = new Set<number>();
          for (const { sees, choice } of takers) {
            // A view that lags lacks jobs that have come, and never one that was there before all of them.
            const seen = [...taken].filter((_, index) => sees[index] === true);
            const place = freeQuotaNumber(max, [...there, ...holders(...seen)], choice);
            // The store refuses a place that is taken.
            if (place !== undefined && !placed.includes(place)) taken.add(place);
          }
          expect(there.length + taken.size).toBeLessThanOrEqual(max);
        },
      ),
    );
  });
});
