import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { slotKey } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { latestBySlot } from '../slots/slots.js';
import { byStage, greatestNumber } from '../slots/stage-tasks.js';
import type { Limits } from '../task/limits.js';
import type { Pass } from './reconcile-context.js';
import type { JobView } from './reconciled-job.js';

/** What leaves the replica for the archive. */
export interface Retirement {
  /** Tasks that leave now. */
  readonly taskIds: readonly string[];
  /** Whether the job leaves with them: these are its last. */
  readonly job: boolean;
  /** Whether more are to leave, for which there was no room, or whose end has to be committed first. */
  readonly hasMore: boolean;
}

/** Tasks that leave in one pass at most, so that a large job does not hold up a commit. */
export const maxRetiredPerPass = 200;

/** What one entity that leaves may write: a task goes with a caller's wish to stop it, a job with its status. */
export const writesPerRetired = 2;

export const nothingRetired: Retirement = { taskIds: [], job: false, hasMore: false };

/** When a finished job leaves. */
export function retireAtMs(status: JobStatusRecord, limits: Limits): number {
  return status.finishedAtMs + limits.finishedRetentionMs;
}

/** A finished job leaves when its time is over: its tasks first, then, with the last of them, itself. */
export function retireJob(view: JobView, status: JobStatusRecord, pass: Pass): Retirement {
  if (pass.nowMs < retireAtMs(status, pass.limits)) return nothingRetired;
  // The room that is kept for the job itself makes it leave in the pass of its last task, or in the next.
  const taskIds = view.tasks.slice(0, maxRetired(pass.maxWrites - writesPerRetired)).map(taskIdOf);
  const job = taskIds.length === view.tasks.length;
  return { taskIds, job, hasMore: !job };
}

/**
 * Replaced tasks of a live job leave when their time is over, or when there are too many of them; but none before its
 * end is committed, since that is how those who watch it learn of the end.
 */
export function retireReplaced(
  view: JobView,
  tasks: readonly TaskRecord[],
  pass: Pass,
  room: number,
): Retirement {
  const { nowMs, limits } = pass;
  const replaced = tasks.filter((task) => task.replaced && !isTaskLive(task));
  if (replaced.length === 0) return nothingRetired;
  const surplus = replaced.length - limits.maxReplacedTasksPerJob;
  const due = replaced
    .toSorted((a, b) => a.finishedAtMs - b.finishedAtMs)
    .filter((task, index) => index < surplus || nowMs >= task.finishedAtMs + limits.finishedRetentionMs);
  const leaving = due.filter((task) => view.isCommitted(task)).slice(0, maxRetired(room));
  return { taskIds: leaving.map(taskIdOf), job: false, hasMore: leaving.length < due.length };
}

function maxRetired(room: number): number {
  return Math.min(maxRetiredPerPass, Math.max(0, Math.floor(room / writesPerRetired)));
}

/** The last attempt of each slot whose newest task leaves, so that its ids are never used again. */
export function rememberAttempts(
  status: JobStatusRecord,
  tasks: readonly TaskRecord[],
  leavingIds: readonly string[],
): JobStatusRecord {
  if (leavingIds.length === 0) return status;
  const leaving = new Set(leavingIds);
  const isLeaving = (task: TaskRecord) => leaving.has(taskIdOf(task));
  const stages = [...byStage(tasks).values()];
  const newest = stages.flatMap((some) => [...latestBySlot(some).values()].filter(isLeaving));
  const numbered = rememberNumber(status, tasks.filter(isLeaving));
  if (newest.length === 0) return numbered;
  const known = newest.map(({ stage, slot, attempt }) => {
    const key = slotKey(stage, slot);
    return [key, Math.max(attempt, status.slotAttempts[key] ?? -1)] as const;
  });
  return { ...numbered, slotAttempts: { ...status.slotAttempts, ...Object.fromEntries(known) } };
}

/** The greatest worker number of tasks that leave, so that it is never given again. */
function rememberNumber(status: JobStatusRecord, leaving: readonly TaskRecord[]): JobStatusRecord {
  const lastWorkerNumber = greatestNumber(leaving);
  return lastWorkerNumber > (status.lastWorkerNumber ?? 0) ? { ...status, lastWorkerNumber } : status;
}
