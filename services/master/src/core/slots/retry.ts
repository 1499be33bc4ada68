import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { type JobKind, retryPolicyOf } from '@berth/shared/model/job/job';
import { policyDelayMs } from '@berth/shared/model/job/retry-policy';
import { exponentialDelayMs } from '@berth/shared/model/task/back-off';
import { isBlamelessCode, isSystemCode } from '@berth/shared/model/task/failure';
import { taskReasonCode } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';

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

/** Returns the delay before the next attempt of a batch slot. */
export function batchDelayMs(descriptor: JobDescriptor, ended: TaskRecord, limits: Limits): number {
  return endedBySystem(ended)
    ? systemDelayMs(ended, limits)
    : policyDelayMs(retryPolicyOf(descriptor), ended.userRetries);
}

/**
 * Returns the delay before the replacement of an ended service task: none after a kill, else that of its
 * policy, of a system failure, or of a crash loop. A service that asks for something that cannot be had is
 * tried at the longest back-off from the first failure on: only a change outside the cell can help it.
 */
export function serviceDelayMs(descriptor: JobDescriptor, ended: TaskRecord, limits: Limits): number {
  const code = taskReasonCode(ended);
  if (code === 'killed') return 0;
  if (endedBySystem(ended)) return systemDelayMs(ended, limits);
  const stable = ranForMs(ended) >= limits.stableRunMs;
  const failures = stable ? 0 : ended.userRetries;
  const policyMs = policyDelayMs(retryPolicyOf(descriptor, ended.stage), failures);
  if (code === 'invalidRequest') return Math.max(policyMs, limits.maxBackoffMs);
  return Math.max(policyMs, stable ? 0 : crashDelayMs(failures, limits));
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
