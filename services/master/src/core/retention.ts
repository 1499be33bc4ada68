import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive } from '@berth/shared/model/task-state';
import type { JobView } from './job-view.js';
import type { Limits } from './limits.js';

/** What leaves the replica for the archive. */
export interface Retirement {
  /** Tasks that leave now. */
  readonly taskIds: readonly string[];
  /** Whether the job leaves with them: these are its last. */
  readonly job: boolean;
}

/** Tasks that leave in one pass at most, so that a large job does not hold up a commit. */
export const maxRetiredPerPass = 200;

export const nothingRetired: Retirement = { taskIds: [], job: false };

/** When a finished job leaves. */
export function retireAtMs(status: JobStatusRecord, limits: Limits): number {
  return status.finishedAtMs + limits.finishedRetentionMs;
}

/** A finished job leaves when its time is over: its tasks first, then, with the last of them, itself. */
export function retireJob(view: JobView, status: JobStatusRecord, nowMs: number, limits: Limits): Retirement {
  if (nowMs < retireAtMs(status, limits)) return nothingRetired;
  const ids = view.tasks.slice(0, maxRetiredPerPass).map((task) => task.task?.id ?? '');
  return { taskIds: ids, job: ids.length === view.tasks.length };
}

/** Replaced tasks of a live job leave when their time is over, or when there are too many of them. */
export function retireReplaced(tasks: readonly TaskRecord[], nowMs: number, limits: Limits): Retirement {
  const replaced = tasks.filter((task) => task.replaced && !isTaskLive(task));
  if (replaced.length === 0) return nothingRetired;
  const surplus = replaced.length - limits.maxReplacedTasksPerJob;
  const leaving = replaced
    .toSorted((a, b) => a.finishedAtMs - b.finishedAtMs)
    .filter((task, index) => index < surplus || nowMs >= task.finishedAtMs + limits.finishedRetentionMs);
  return { taskIds: leaving.slice(0, maxRetiredPerPass).map((task) => task.task?.id ?? ''), job: false };
}

/** The last attempt of each slot whose newest task leaves, so that its ids are never used again. */
export function rememberAttempts(
  status: JobStatusRecord,
  tasks: readonly TaskRecord[],
  leaving: ReadonlySet<string>,
): JobStatusRecord {
  const slotAttempts = { ...status.slotAttempts };
  let changed = false;
  for (const task of tasks) {
    if (!leaving.has(task.task?.id ?? '') || (slotAttempts[task.slot] ?? -1) >= task.attempt) continue;
    if (tasks.some((other) => other.slot === task.slot && other.attempt > task.attempt)) continue;
    slotAttempts[task.slot] = task.attempt;
    changed = true;
  }
  return changed ? { ...status, slotAttempts } : status;
}
