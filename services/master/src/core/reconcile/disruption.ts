import { specOfJob } from '@berth/scheduler';
import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind } from '@berth/shared/model/job/job';
import { isAtMostOnce } from '@berth/shared/model/job/retry-options';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';
import { newestOfStages } from '../slots/newest-task.js';

/** The number of tasks of a service that may be away at a time, if it sets no limit. */
const defaultLimit = 1;

/** A stop that waits for capacity elsewhere, or for other tasks to run, is checked again after this time. */
export const checkAgainMs = 5_000;

/** The reasons of the system itself to stop a task that could go on. */
const systemStops = ['moved', 'preempted'] as const;

/**
 * Returns the number of tasks of the job that the system may still stop for its own reasons. In a service, or
 * in stages, every desired task that does not run counts as away, for any reason. A batch job loses only
 * time: there only tasks count that the system is stopping, and without a limit of the job there is none.
 */
export function disruptionAllowance(job: JobRecord, tasks: readonly TaskRecord[]): number {
  const limit = disruptionLimitOf(job);
  if (limit === 0) return 0;
  const away = isBatch(job) ? tasks.filter(isBeingStopped) : newestOfStages(tasks).filter(isAway);
  return Math.max(0, limit - away.length);
}

/** Returns the number of tasks of the job that may be away at a time; Infinity for any number. */
export function disruptionLimitOf(job: JobRecord): number {
  return specOfJob(job).disruptionLimit ?? usualLimitOf(job);
}

/** A stop for the system's own reasons is the end of a task that is never started again. */
function usualLimitOf(job: JobRecord): number {
  if (!isBatch(job)) return defaultLimit;
  return job.descriptor !== undefined && isAtMostOnce(job.descriptor) ? 0 : Number.POSITIVE_INFINITY;
}

function isBatch({ descriptor }: JobRecord): boolean {
  return descriptor === undefined || jobKind(descriptor) === 'batch';
}

function isBeingStopped(task: TaskRecord): boolean {
  return isTaskLive(task) && (systemStops as readonly string[]).includes(task.stop?.code ?? '');
}

/** True if the slot of this newest task lacks a running task. A slot that was given up lacks none. */
function isAway(newest: TaskRecord): boolean {
  if (isTaskLive(newest))
    return (
      newest.stop?.code !== 'scaledDown' && (newest.stop !== undefined || taskState(newest) !== State.RUNNING)
    );
  const isGivenUp =
    newest.replaced || newest.stop?.code === 'scaledDown' || taskReasonCode(newest) === 'scaledDown';
  return !isGivenUp;
}
