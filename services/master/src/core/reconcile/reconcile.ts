import type { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isJobLive } from '@berth/shared/model/job/job';
import { runtimeEndMs } from '@berth/shared/model/job/mantis';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { imageHold, withImageWait } from '../slots/image-hold.js';
import { judgedAtMs } from './advance-task.js';
import type { JobInCell } from './job-in-cell.js';
import { advanceStatus, initialStatus } from './job-status.js';
import type { ReconcileContext } from './reconcile-context.js';
import {
  keepAttempts,
  nothingRetired,
  type Retirement,
  retireAtMs,
  retireJob,
  retireReplaced,
} from './retention.js';
import { rules } from './rules.js';
import { setBackStatus } from './set-back.js';
import { TaskChanges } from './task-changes.js';

/** The decision of one reconcile pass over a job. Once it is carried out, the next decision is empty. */
export interface JobDecision {
  /** Tasks that are new or differ from the stored ones. */
  readonly tasks: readonly TaskRecord[];
  /** The job's status, if it is new or differs. */
  readonly status: JobStatusRecord | undefined;
  readonly retired: Retirement;
  /** The time of the next pass without a change; Infinity: never. */
  readonly nextDueMs: number;
  /** False if something was left to the next pass because of the limit of writes. */
  readonly isComplete: boolean;
  /** True if the rest includes a task to create or to change, and not only records that leave. */
  readonly hasTasksLeft: boolean;
}

/**
 * Compares the desired and the observed state of one job, and decides on the changes: first on its tasks, by
 * the rules of `rules.ts`, then on its own state, then on the records that leave the replica. A finished job
 * only leaves.
 */
export function reconcile(job: JobInCell, context: ReconcileContext): JobDecision {
  const known = job.status && setBackStatus(job.status, context.nowMs);
  if (known !== undefined && !isJobLive(known)) return retireOnly(job, known, context);
  // One write is for the status.
  const changes = new TaskChanges(job.tasks, context.maxWrites - 1);
  const rulesDueMs = applyRules(job, context, changes);
  const tasks = changes.tasks();
  const moved = advanceStatus(known ?? initialStatus(job.job), job.job, tasks, context.nowMs);
  const after = withImageWait(moved, imageHold(job.job, tasks, context.nowMs));
  const retired = isJobLive(after) ? retireReplaced(job, tasks, context, changes.writesLeft) : nothingRetired;
  const status = keepAttempts(after, tasks, retired.taskIds);
  return {
    tasks: changes.writes(),
    status: status === job.status ? undefined : status,
    retired,
    nextDueMs: isJobLive(status)
      ? Math.min(nextDue(staying(tasks, retired), context), nextEndMs(job.job, context.nowMs), rulesDueMs)
      : retireAtMs(status, context.limits),
    isComplete: changes.isComplete && !retired.hasMore,
    hasTasksLeft: !changes.isComplete,
  };
}

/**
 * Applies the rules in their order, and returns the soonest time that one of them is due again. A rule
 * decides on the tasks as the rules before leave them. So it waits for the next pass if those could not be
 * written in full.
 */
function applyRules(job: JobInCell, context: ReconcileContext, changes: TaskChanges): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const { decide } of rules) {
    if (!changes.isComplete) break;
    const { steps, nextDueMs } = decide(job, context, changes.tasks());
    for (const step of steps) if (!changes.take(step)) break;
    dueMs = Math.min(dueMs, nextDueMs);
  }
  return dueMs;
}

function retireOnly(job: JobInCell, status: JobStatusRecord, context: ReconcileContext): JobDecision {
  const retired = retireJob(job, status, context);
  const nextDueMs = retired.job
    ? Number.POSITIVE_INFINITY
    : Math.max(retireAtMs(status, context.limits), context.nowMs);
  const isComplete = !retired.hasMore;
  const changed = status === job.status ? undefined : status;
  return { tasks: [], status: changed, retired, nextDueMs, isComplete, hasTasksLeft: false };
}

/** Returns the end of the job's own runtime, if that lies ahead; else Infinity. */
function nextEndMs(job: JobRecord, nowMs: number): number {
  const endMs = runtimeEndMs(job);
  return endMs > nowMs ? endMs : Number.POSITIVE_INFINITY;
}

function staying(tasks: readonly TaskRecord[], retired: Retirement): readonly TaskRecord[] {
  if (retired.taskIds.length === 0) return tasks;
  const leaving = new Set(retired.taskIds);
  return tasks.filter((task) => !leaving.has(taskIdOf(task)));
}

function nextDue(tasks: readonly TaskRecord[], context: ReconcileContext): number {
  return tasks.reduce((soonest, task) => Math.min(soonest, dueOf(task, context)), Number.POSITIVE_INFINITY);
}

function dueOf(task: TaskRecord, context: ReconcileContext): number {
  const { nowMs, limits } = context;
  if (isTaskLive(task)) return judgedAtMs(task, context);
  if (task.replaced) return task.finishedAtMs + limits.finishedRetentionMs;
  // A replacement that is due and was not made does not wait for the time, but for something else.
  return task.replaceAtMs > nowMs ? task.replaceAtMs : Number.POSITIVE_INFINITY;
}
