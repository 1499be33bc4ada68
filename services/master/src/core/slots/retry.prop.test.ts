import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../testing/fixtures.js';
import { crashDelayMs } from './retry.js';

const longestDelayMs = 24 * 3600 * 1000;

const delays = fc.integer({ min: 0, max: 4 * longestDelayMs });
const retries = fc.nat(100_000);

describe('the delay after a failure of the system', () => {
  it('is a time that can be stored, however often something has failed', () => {
    fc.assert(
      fc.property(delays, fc.integer({ min: 1, max: longestDelayMs }), retries, (minMs, maxMs, failures) => {
        const delay = crashDelayMs(failures, { ...limits, minBackoffMs: minMs, maxBackoffMs: maxMs });
        expect(Number.isSafeInteger(delay)).toBe(true);
        expect(delay).toBeLessThanOrEqual(maxMs);
      }),
    );
  });
});
