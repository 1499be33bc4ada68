import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobKind, retryPolicyOf } from '@berth/shared/model/job/job';
import { exponentialDelayMs } from '@berth/shared/model/task/back-off';
import { isBlamelessCode, isSystemCode } from '@berth/shared/model/task/failure';
import { taskReasonCode } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';

type Policy = ReturnType<typeof retryPolicyOf>;

/**
 * No delay is longer than a day, so that a doubled delay without a bound of its own stays a time that can be
 * stored.
 */
export const longestDelayMs = 24 * 3600 * 1000;

/** Returns the delay of the user's policy before retry number `retry` (the first is 0). */
export function policyDelayMs(policy: Policy, retry: number): number {
  switch (policy.$case) {
    case 'immediate':
      return 0;
    case 'delayed': {
      const { initialDelayMs, delayMs } = policy.value;
      return Math.min(retry === 0 && initialDelayMs > 0 ? initialDelayMs : delayMs, longestDelayMs);
    }
    case 'exponentialBackOff': {
      const { initialDelayMs, maxDelayIntervalMs } = policy.value;
      const maxMs = Math.min(maxDelayIntervalMs || longestDelayMs, longestDelayMs);
      return exponentialDelayMs({ firstMs: initialDelayMs, maxMs, attempt: retry });
    }
  }
}

/** Returns the delay after that many failures in a row, from the operator's least delay to the longest. */
export function crashDelayMs(failures: number, { minBackoffMs, maxBackoffMs }: Limits): number {
  return exponentialDelayMs({ firstMs: minBackoffMs, maxMs: maxBackoffMs, attempt: failures });
}

/** True if the task ended by the system's fault: it is tried again without using up the user's retries. */
export function endedBySystem(task: TaskRecord): boolean {
  return isSystemCode(taskReasonCode(task));
}

/** Returns the duration of the task's run; 0 if it never ran. */
export function ranForMs(task: TaskRecord): number {
  return task.runningAtMs > 0 ? Math.max(0, task.finishedAtMs - task.runningAtMs) : 0;
}

/**
 * Returns the delay after a system failure: it doubles with each one since the last stable run. A moved or
 * preempted task is replaced at once. So is a task that an agent has refused, unless other failures came
 * before.
 */
export function systemDelayMs(task: TaskRecord, limits: Limits): number {
  const code = taskReasonCode(task);
  if (isBlamelessCode(code)) return 0;
  const failures = systemRetriesSoFar(task, limits);
  if (code === 'refused' && failures === 0) return 0;
  return crashDelayMs(failures, limits);
}

/**
 * Returns the counters that the replacement of an ended task inherits. A batch slot counts every failure of
 * the user's. A service counts those since its last stable run. Kills by a caller do not count.
 */
export function nextRetryCounters(task: TaskRecord, kind: JobKind | undefined, limits: Limits) {
  const code = taskReasonCode(task);
  const bySystem = isSystemCode(code);
  const forgiven = kind !== 'batch' && ranForMs(task) >= limits.stableRunMs;
  const counts = !bySystem && code !== 'killed';
  return {
    userRetries: (forgiven ? 0 : task.userRetries) + (counts ? 1 : 0),
    systemRetries: systemRetriesSoFar(task, limits) + (bySystem && !isBlamelessCode(code) ? 1 : 0),
  };
}

function systemRetriesSoFar(task: TaskRecord, limits: Limits): number {
  return ranForMs(task) >= limits.stableRunMs ? 0 : task.systemRetries;
}
