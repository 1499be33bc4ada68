import type { RetryPolicy } from '../../gen/netflix/titus/titus_base.js';
import { exponentialDelayMs } from '../task/back-off.js';
import { maxRetryDelayMs } from './limits.js';

type Policy = NonNullable<RetryPolicy['policy']>;

/**
 * The delay of a policy that names none. Without it, a task that fails at once uses up its retries at once.
 */
export const defaultRetryDelayMs = 1_000;
/** The longest delay of a growing policy that names none. */
export const defaultMaxRetryDelayMs = 60_000;

/**
 * Returns the policy with defaults for delays that were left out. In the API an unset delay and 0 are the
 * same; a policy without delays is `immediate`.
 */
export function completeRetryPolicy(policy: Policy): Policy {
  switch (policy.$case) {
    case 'immediate':
      return policy;
    case 'delayed': {
      const { initialDelayMs, delayMs, retries } = policy.value;
      if (delayMs > 0 && initialDelayMs > 0) return policy;
      const steadyMs = delayMs || initialDelayMs || defaultRetryDelayMs;
      const value = { initialDelayMs: initialDelayMs || steadyMs, delayMs: steadyMs, retries };
      return { $case: 'delayed', value };
    }
    case 'exponentialBackOff': {
      const { initialDelayMs: givenMs, maxDelayIntervalMs: maxMs, retries } = policy.value;
      if (givenMs > 0 && maxMs > 0) return policy;
      const initialDelayMs = givenMs || Math.min(defaultRetryDelayMs, maxMs || defaultRetryDelayMs);
      const maxDelayIntervalMs = maxMs || Math.max(defaultMaxRetryDelayMs, initialDelayMs);
      return { $case: 'exponentialBackOff', value: { initialDelayMs, maxDelayIntervalMs, retries } };
    }
  }
}

/** Returns the delay of the policy before retry number `retry` (the first is 0). */
export function policyDelayMs(policy: Policy, retry: number): number {
  const complete = completeRetryPolicy(policy);
  switch (complete.$case) {
    case 'immediate':
      return 0;
    case 'delayed': {
      const { initialDelayMs, delayMs } = complete.value;
      return Math.min(retry === 0 ? initialDelayMs : delayMs, maxRetryDelayMs);
    }
    case 'exponentialBackOff': {
      const { initialDelayMs, maxDelayIntervalMs } = complete.value;
      const maxMs = Math.min(maxDelayIntervalMs, maxRetryDelayMs);
      return exponentialDelayMs({ firstMs: initialDelayMs, maxMs, attempt: retry });
    }
  }
}
