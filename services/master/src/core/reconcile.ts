import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isJobLive, jobKind } from '@berth/shared/model/job';
import { isTaskLive } from '@berth/shared/model/task-state';
import { advanceTask } from './advance-task.js';
import { reconcileBatch } from './batch.js';
import { advanceStatus, initialStatus } from './job-status.js';
import type { JobView } from './job-view.js';
import type { Limits } from './limits.js';
import { nothingRetired, rememberAttempts, retireAtMs, retireJob, retireReplaced, type Retirement } from './retention.js';
import { reconcileService } from './service.js';
import type { SlotInput } from './slots.js';

/** What one look at a job decides. Looking again with the decision carried out decides nothing more. */
export interface JobDecision {
  /** Tasks that are new or differ from the stored ones. */
  readonly tasks: readonly TaskRecord[];
  /** The job's status where it is new or differs. */
  readonly status: JobStatusRecord | undefined;
  readonly retired: Retirement;
  /** When to look again though nothing happens; Infinity: never. */
  readonly nextDueMs: number;
}

/**
 * Brings what is and what is wanted of one job together: orders to stop, lost agents, deadlines, missing tasks,
 * replacements, scale-down, the job's own state, and what may leave the replica.
 */
export function reconcile(view: JobView, nowMs: number, limits: Limits): JobDecision {
  if (view.status !== undefined && !isJobLive(view.status)) return retireOnly(view, view.status, nowMs, limits);
  const merged = mergeTasks(view, nowMs, limits);
  const tasks = [...merged.values()];
  const before = view.status ?? initialStatus(view.job);
  const after = advanceStatus(before, view.job, tasks, { nowMs, limits });
  const retired = isJobLive(after) ? retireReplaced(tasks, nowMs, limits) : nothingRetired;
  const status = rememberAttempts(after, tasks, new Set(retired.taskIds));
  return {
    tasks: changedTasks(view, merged, retired),
    status: status === view.status ? undefined : status,
    retired,
    nextDueMs: isJobLive(status) ? nextDue(tasks, limits) : retireAtMs(status, limits),
  };
}

function retireOnly(view: JobView, status: JobStatusRecord, nowMs: number, limits: Limits): JobDecision {
  const retired = retireJob(view, status, nowMs, limits);
  const nextDueMs = retired.job ? Infinity : Math.max(retireAtMs(status, limits), nowMs);
  return { tasks: [], status: undefined, retired, nextDueMs };
}

/** All tasks of the job as they are to be, new ones last. */
function mergeTasks(view: JobView, nowMs: number, limits: Limits): ReadonlyMap<string, TaskRecord> {
  const merged = new Map<string, TaskRecord>();
  for (const task of view.tasks) merged.set(idOf(task), advanceOne(view, task, nowMs, limits));
  const { job, status } = view;
  if (job.kill !== undefined || job.descriptor === undefined) return merged;
  const input = { job, descriptor: job.descriptor, status, tasks: [...merged.values()], nowMs, limits };
  for (const task of reconcileSlots(input)) merged.set(idOf(task), task);
  return merged;
}

function reconcileSlots(input: SlotInput): readonly TaskRecord[] {
  return jobKind(input.descriptor) === 'batch' ? reconcileBatch(input) : reconcileService(input);
}

function advanceOne(view: JobView, task: TaskRecord, nowMs: number, limits: Limits): TaskRecord {
  const killed = isTaskLive(task) && (view.job.kill !== undefined || view.hasStopWish(idOf(task)));
  const stopFor = killed ? { code: 'killed' } : undefined;
  return advanceTask(task, { nowMs, limits, agentLost: view.isAgentLost(task.agentId), stopFor });
}

function changedTasks(view: JobView, merged: ReadonlyMap<string, TaskRecord>, retired: Retirement) {
  const stored = new Set(view.tasks);
  const leaving = new Set(retired.taskIds);
  return [...merged.values()].filter((task) => !stored.has(task) && !leaving.has(idOf(task)));
}

function nextDue(tasks: readonly TaskRecord[], limits: Limits): number {
  return tasks.reduce((soonest, task) => Math.min(soonest, dueOf(task, limits)), Infinity);
}

function dueOf(task: TaskRecord, limits: Limits): number {
  if (isTaskLive(task)) return task.deadlineAtMs || Infinity;
  if (task.replaced) return task.finishedAtMs + limits.finishedRetentionMs;
  return task.replaceAtMs || Infinity;
}

function idOf(task: TaskRecord): string {
  return task.task?.id ?? '';
}
