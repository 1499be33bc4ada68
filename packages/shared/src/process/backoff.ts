import { exponentialDelayMs } from '../model/task/back-off.js';
import type { Clock } from './clock.js';
import type { Logger } from './logger.js';
import { type Random, systemRandom } from './random.js';

/** The growth of the delays between attempts: they double from `initialMs` up to `maxMs`. */
export interface BackoffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
  /** The part of each delay that is random, 0 to 1: with 0.5 a delay of 100 ms becomes 50 to 100 ms. */
  readonly jitter: number;
}

/** A growing sequence of delays. */
export interface Backoff {
  nextMs(): number;
  /** Starts over at the initial delay, after a success. */
  reset(): void;
}

/** The delay after that many earlier failures; `random` is in [0, 1). */
export function delayAfter(policy: BackoffPolicy, failures: number, random: number): number {
  const { initialMs: firstMs, maxMs } = policy;
  const fullMs = exponentialDelayMs({ firstMs, maxMs, attempt: failures });
  return Math.round(fullMs * (1 - policy.jitter * random));
}

export function backoff(policy: BackoffPolicy, random: Random = systemRandom): Backoff {
  let failures = 0;
  return {
    nextMs: () => delayAfter(policy, failures++, random.fraction()),
    reset: () => {
      failures = 0;
    },
  };
}

const defaultRetryPolicy: BackoffPolicy = { initialMs: 100, maxMs: 5_000, jitter: 0.5 };

interface RetryOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** The attempted action, as the end of a sentence that begins with "could not". */
  readonly what: string;
  readonly signal?: AbortSignal;
  readonly policy?: BackoffPolicy;
  /** True if another attempt may help. Without this function every failure is retried. */
  readonly isRetryable?: (error: unknown) => boolean;
}

/**
 * Calls `fn` until it succeeds. Each failure is logged with the delay that follows.
 * Rejects with the failure that is not retryable, or with the signal's reason once it aborts.
 */
export async function retry<T>(fn: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, log, what, signal, policy = defaultRetryPolicy, isRetryable = () => true } = options;
  const delays = backoff(policy);
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await fn();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isRetryable(error)) throw error;
      const delayMs = delays.nextMs();
      log.warn({ err: error, delayMs }, `could not ${what}, trying again`);
      await clock.sleep(delayMs, signal);
    }
  }
}
