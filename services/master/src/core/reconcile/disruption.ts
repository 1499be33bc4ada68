import { specOfJob } from '@berth/scheduler';
import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { jobKind } from '@berth/shared/model/job/job';
import { slotKey } from '@berth/shared/model/job/stages';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';

/** How many tasks of a service may be away at a time, where it does not say. */
const defaultLimit = 1;

/** What could not be stopped for want of room elsewhere, or of tasks that run, is looked at again after this time. */
export const lookAgainMs = 5_000;

/** Why the system itself stops a task that could go on. */
export const systemStops = ['moved', 'preempted'] as const;

/**
 * How many more tasks of the job the system may stop now for its own sake. Of a service, or of the stages of a job, those
 * count as away that are wanted and do not run, for whatever reason; of a batch job, which loses no more than time, only
 * those that are being stopped for such a sake, and where the job sets no limit there is none.
 */
export function disruptionAllowance(job: JobRecord, tasks: readonly TaskRecord[]): number {
  const limit = disruptionLimitOf(job);
  if (limit === 0) return 0;
  const away = isBatch(job) ? tasks.filter(isBeingStopped) : newestOf(tasks).filter(isAway);
  return Math.max(0, limit - away.length);
}

/** How many tasks of the job may be away at a time; Infinity for any number. */
export function disruptionLimitOf(job: JobRecord): number {
  return specOfJob(job).disruptionLimit ?? (isBatch(job) ? Number.POSITIVE_INFINITY : defaultLimit);
}

function isBatch({ descriptor }: JobRecord): boolean {
  return descriptor === undefined || jobKind(descriptor) === 'batch';
}

function isBeingStopped(task: TaskRecord): boolean {
  return isTaskLive(task) && (systemStops as readonly string[]).includes(task.stop?.code ?? '');
}

/** A slot that is given up is not missed. */
function isAway(newest: TaskRecord): boolean {
  if (isTaskLive(newest))
    return (
      newest.stop?.code !== 'scaledDown' && (newest.stop !== undefined || taskState(newest) !== State.RUNNING)
    );
  const isGivenUp =
    newest.replaced || newest.stop?.code === 'scaledDown' || taskReasonCode(newest) === 'scaledDown';
  return !isGivenUp;
}

/** The newest task of each slot of each stage. */
function newestOf(tasks: readonly TaskRecord[]): readonly TaskRecord[] {
  const newest = new Map<number, TaskRecord>();
  for (const task of tasks) {
    const key = slotKey(task.stage, task.slot);
    const known = newest.get(key);
    if (known === undefined || task.attempt > known.attempt) newest.set(key, task);
  }
  return [...newest.values()];
}
