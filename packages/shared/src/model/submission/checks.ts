import type { RetryPolicy } from '../../gen/netflix/titus/titus_base.js';
import type { TaskInstances } from '../../gen/netflix/titus/titus_job_api.js';
import { completeInstances, unboundedInstances } from '../job/job.js';
import * as limits from '../job/limits.js';

/**
 * Reports a fault of the field at the path, relative to the checked value. `leftOut` says that the fault is
 * only a missing value.
 */
export type Refuse = (path: readonly PropertyKey[], description: string, leftOut?: 'leftOut') => void;

/** Checks min <= desired <= max, and names the values. Paths begin with `instances`. */
export function checkInstances(instances: TaskInstances | undefined, refuse: Refuse): void {
  const { min, max, desired } = completeInstances(instances);
  if (min > desired || desired > max) {
    refuse(['instances'], `min <= desired <= max does not hold: min ${min}, desired ${desired}, max ${max}`);
  }
  if (max > unboundedInstances)
    refuse(['instances', 'max'], `is ${max}, but at most ${unboundedInstances} is allowed`);
  if (desired > limits.maxInstances)
    refuse(['instances', 'desired'], `is ${desired}, but at most ${limits.maxInstances} is allowed`);
}

/** Checks the policy's numbers. Paths begin with `retryPolicy`. */
export function checkRetryPolicy(retryPolicy: RetryPolicy | undefined, refuse: Refuse): void {
  const policy = retryPolicy?.policy;
  if (policy === undefined) return;
  const path = ['retryPolicy', policy.$case];
  for (const [field, value] of Object.entries(policy.value)) {
    const max = field === 'retries' ? limits.maxRetries : limits.maxRetryDelayMs;
    if (value > max) refuse([...path, field], `is ${value}, but at most ${max} is allowed`);
  }
  if (policy.$case !== 'exponentialBackOff') return;
  const { initialDelayMs, maxDelayIntervalMs } = policy.value;
  // Left out, it suits the initial delay.
  if (maxDelayIntervalMs > 0 && initialDelayMs > maxDelayIntervalMs) {
    refuse(
      [...path, 'maxDelayIntervalMs'],
      `is ${maxDelayIntervalMs}, less than the initial delay of ${initialDelayMs}`,
    );
  }
}

/** Checks how long a name is. */
export function checkName(path: readonly PropertyKey[], name: string, refuse: Refuse): void {
  if (bytes(name) > limits.maxNameBytes) refuse(path, `is longer than ${limits.maxNameBytes} bytes`);
}

/** Quotes a caller's text for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** Returns the length of the text in bytes when it is sent. */
export function bytes(text: string): number {
  return Buffer.byteLength(text);
}
