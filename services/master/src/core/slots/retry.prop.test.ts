import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../testing/fixtures.js';
import { crashDelayMs, longestDelayMs, policyDelayMs } from './retry.js';

const delays = fc.integer({ min: 0, max: 4 * longestDelayMs });
const retries = fc.nat(100_000);

describe('the delay before a retry', () => {
  it('is none if retries are immediate', () => {
    fc.assert(
      fc.property(retries, (retry) => {
        expect(policyDelayMs({ $case: 'immediate', value: { retries: 3 } }, retry)).toBe(0);
      }),
    );
  });

  it('is the first delay once and then always the other, a day at most', () => {
    fc.assert(
      fc.property(delays, delays, retries, (initialDelayMs, delayMs, retry) => {
        const policy = { $case: 'delayed', value: { initialDelayMs, delayMs, retries: 3 } } as const;
        const wanted = retry === 0 && initialDelayMs > 0 ? initialDelayMs : delayMs;
        expect(policyDelayMs(policy, retry)).toBe(Math.min(wanted, longestDelayMs));
      }),
    );
  });

  it('doubles from the first delay until it meets the longest, and stays there', () => {
    fc.assert(
      fc.property(delays, delays, fc.nat(200), (initialDelayMs, maxDelayIntervalMs, retry) => {
        const value = { initialDelayMs, maxDelayIntervalMs, retries: 3 };
        const delay = (count: number) => policyDelayMs({ $case: 'exponentialBackOff', value }, count);
        const longest = Math.min(maxDelayIntervalMs || longestDelayMs, longestDelayMs);
        expect(delay(0)).toBe(Math.min(initialDelayMs, longest));
        // 2^40 ms are 35 years: every delay but zero is at its longest by then.
        const next = retry < 40 ? Math.min(2 * delay(retry), longest) : delay(retry);
        expect(delay(retry + 1)).toBe(next);
        expect(delay(retry + 1)).toBeGreaterThanOrEqual(delay(retry));
      }),
    );
  });

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
