import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxRetryDelayMs } from './limits.js';
import { policyDelayMs } from './retry-policy.js';

const delays = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 4 * maxRetryDelayMs }));
const retries = fc.nat(100_000);
const bounded = (ms: number) => Math.min(ms, maxRetryDelayMs);

describe('the delay before a retry', () => {
  it('is none if retries are immediate', () => {
    fc.assert(
      fc.property(retries, (retry) => {
        expect(policyDelayMs({ $case: 'immediate', value: { retries: 3 } }, retry)).toBe(0);
      }),
    );
  });

  it('is the first delay once and then always the other; either one stands for one that is left out', () => {
    fc.assert(
      fc.property(delays, delays, retries, (initialDelayMs, delayMs, retry) => {
        const policy = { $case: 'delayed', value: { initialDelayMs, delayMs, retries: 3 } } as const;
        const wanted = retry === 0 ? initialDelayMs || delayMs : delayMs || initialDelayMs;
        expect(policyDelayMs(policy, retry)).toBe(bounded(wanted || 1000));
      }),
    );
  });

  it('doubles from the first delay until it meets the longest, and stays there', () => {
    fc.assert(
      fc.property(delays, delays, fc.nat(200), (initialDelayMs, maxDelayIntervalMs, retry) => {
        const value = { initialDelayMs, maxDelayIntervalMs, retries: 3 };
        const delay = (count: number) => policyDelayMs({ $case: 'exponentialBackOff', value }, count);
        const longest = bounded(maxDelayIntervalMs || Math.max(60_000, initialDelayMs));
        expect(delay(0)).toBe(Math.min(initialDelayMs || 1000, longest));
        expect(delay(retry + 1)).toBe(Math.min(2 * delay(retry), longest));
      }),
    );
  });

  it('is never zero but for immediate retries', () => {
    const none = { initialDelayMs: 0, delayMs: 0, maxDelayIntervalMs: 0, retries: 9 };
    for (const $case of ['delayed', 'exponentialBackOff'] as const)
      expect(policyDelayMs({ $case, value: none }, 0)).toBe(1000);
  });
});
