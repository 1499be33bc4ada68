import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { slotKey } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { newestBySlot } from '../slots/newest-task.js';
import { byStage, greatestNumber } from '../slots/stage-tasks.js';
import type { Limits } from '../task/limits.js';
import type { JobInCell } from './job-in-cell.js';
import type { ReconcileContext } from './reconcile-context.js';

/** The records that leave the replica for the archive. */
export interface Retirement {
  /** Tasks that leave now. */
  readonly taskIds: readonly string[];
  /** True if the job leaves with them: these are its last. */
  readonly job: boolean;
  /** True if more are to leave: too few writes were left, or their end must be committed first. */
  readonly hasMore: boolean;
}

/** Tasks that leave in one pass at most, so that a large job does not delay a commit. */
export const maxRetiredPerPass = 200;

/** The writes of one task that leaves: it goes with a caller's request to stop it. */
const writesPerRetired = 2;
/** A job leaves with its status, and its end is added to the runs of its cluster. */
const writesPerJob = 3;

export const nothingRetired: Retirement = { taskIds: [], job: false, hasMore: false };

/** Returns the time of a finished job to leave. */
export function retireAtMs(status: JobStatusRecord, limits: Limits): number {
  return status.finishedAtMs + limits.finishedRetentionMs;
}

/** A finished job leaves when its time is over: its tasks first, then, with the last of them, itself. */
export function retireJob(inCell: JobInCell, status: JobStatusRecord, context: ReconcileContext): Retirement {
  if (context.nowMs < retireAtMs(status, context.limits)) return nothingRetired;
  // Writes are reserved for the job itself: it leaves in the pass of its last task, or in the next.
  const taskIds = inCell.tasks.slice(0, maxRetired(context.maxWrites - writesPerJob)).map(taskIdOf);
  const job = taskIds.length === inCell.tasks.length;
  return { taskIds, job, hasMore: !job };
}

/**
 * Retires replaced tasks of a live job when their time is over, or when there are too many of them. A task
 * leaves only after its end is committed, because subscribers learn of the end from that commit.
 */
export function retireReplaced(
  job: JobInCell,
  tasks: readonly TaskRecord[],
  context: ReconcileContext,
  writesLeft: number,
): Retirement {
  const { nowMs, limits } = context;
  const replaced = tasks.filter((task) => task.replaced && !isTaskLive(task));
  if (replaced.length === 0) return nothingRetired;
  const surplus = replaced.length - limits.maxReplacedTasksPerJob;
  const due = replaced
    .toSorted((a, b) => a.finishedAtMs - b.finishedAtMs)
    .filter((task, index) => index < surplus || nowMs >= task.finishedAtMs + limits.finishedRetentionMs);
  const leaving = due.filter((task) => job.isCommitted(task)).slice(0, maxRetired(writesLeft));
  return { taskIds: leaving.map(taskIdOf), job: false, hasMore: leaving.length < due.length };
}

function maxRetired(writes: number): number {
  return Math.min(maxRetiredPerPass, Math.max(0, Math.floor(writes / writesPerRetired)));
}

/** Keeps the last attempt of each slot that loses its newest task, so that ids are never used again. */
export function keepAttempts(
  status: JobStatusRecord,
  tasks: readonly TaskRecord[],
  leavingIds: readonly string[],
): JobStatusRecord {
  if (leavingIds.length === 0) return status;
  const leaving = new Set(leavingIds);
  const isLeaving = (task: TaskRecord) => leaving.has(taskIdOf(task));
  const stages = [...byStage(tasks).values()];
  const newest = stages.flatMap((some) => [...newestBySlot(some).values()].filter(isLeaving));
  const numbered = keepWorkerNumber(status, tasks.filter(isLeaving));
  if (newest.length === 0) return numbered;
  const known = newest.map(({ stage, slot, attempt }) => {
    const key = slotKey(stage, slot);
    return [key, Math.max(attempt, status.slotAttempts[key] ?? -1)] as const;
  });
  return { ...numbered, slotAttempts: { ...status.slotAttempts, ...Object.fromEntries(known) } };
}

/** Keeps the greatest worker number of tasks that leave, so that it is never used again. */
function keepWorkerNumber(status: JobStatusRecord, leaving: readonly TaskRecord[]): JobStatusRecord {
  const lastWorkerNumber = greatestNumber(leaving);
  return lastWorkerNumber > (status.lastWorkerNumber ?? 0) ? { ...status, lastWorkerNumber } : status;
}
