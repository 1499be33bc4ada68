import { describe, expect, it } from 'vitest';
import type { RetryPolicy } from '../../gen/netflix/titus/titus_base.js';
import { completeRetryPolicy } from './retry-policy.js';

type Policy = NonNullable<RetryPolicy['policy']>;

const delayed = (initialDelayMs: number, delayMs: number): Policy => ({
  $case: 'delayed',
  value: { initialDelayMs, delayMs, retries: 3 },
});
const growing = (initialDelayMs: number, maxDelayIntervalMs: number): Policy => ({
  $case: 'exponentialBackOff',
  value: { initialDelayMs, maxDelayIntervalMs, retries: 3 },
});

describe('a retry policy', () => {
  it.each([
    ['without both delays', delayed(0, 0), delayed(1000, 1000)],
    ['without its first delay', delayed(0, 500), delayed(500, 500)],
    ['with its first delay only', delayed(9000, 0), delayed(9000, 9000)],
    ['with both delays', delayed(1, 2), delayed(1, 2)],
    ['that grows, without delays', growing(0, 0), growing(1000, 60_000)],
    ['that grows, without its first delay', growing(0, 60_000), growing(1000, 60_000)],
    ['that grows to less than the usual first delay', growing(0, 300), growing(300, 300)],
    ['that grows without end', growing(1000, 0), growing(1000, 60_000)],
    ['that grows from more than the usual end', growing(90_000, 0), growing(90_000, 90_000)],
    ['that grows, with both delays', growing(1, 2), growing(1, 2)],
  ])('%s has sensible delays', (_, given, complete) => {
    expect(completeRetryPolicy(given)).toEqual(complete);
    expect(completeRetryPolicy(complete)).toBe(complete);
  });

  it('that is immediate has none', () => {
    const immediate = { $case: 'immediate', value: { retries: 3 } } as const;
    expect(completeRetryPolicy(immediate)).toBe(immediate);
  });
});
