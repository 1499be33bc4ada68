import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isJobLive, jobKind } from '@berth/shared/model/job';
import { isTaskLive } from '@berth/shared/model/task-state';
import { advanceTask, judgedAtMs } from './advance-task.js';
import { batchSteps } from './batch.js';
import { advanceStatus, initialStatus } from './job-status.js';
import type { JobView } from './job-view.js';
import type { Pass } from './pass.js';
import {
  nothingRetired,
  type Retirement,
  rememberAttempts,
  retireAtMs,
  retireJob,
  retireReplaced,
} from './retention.js';
import { serviceSteps } from './service.js';
import type { SlotInput } from './slots.js';
import { type SlotStep, TaskChanges, taskIdIn } from './task-changes.js';

/** What one look at a job decides. Looking again with the decision carried out decides nothing more. */
export interface JobDecision {
  /** Tasks that are new or differ from the stored ones. */
  readonly tasks: readonly TaskRecord[];
  /** The job's status where it is new or differs. */
  readonly status: JobStatusRecord | undefined;
  readonly retired: Retirement;
  /** When to look again though nothing happens; Infinity: never. */
  readonly nextDueMs: number;
  /** False where something was left to the next look for want of room. */
  readonly isComplete: boolean;
}

/**
 * Brings what is and what is wanted of one job together: orders to stop, lost agents, deadlines, missing tasks,
 * replacements, scale-down, the job's own state, and what may leave the replica.
 */
export function reconcile(view: JobView, pass: Pass): JobDecision {
  if (view.status !== undefined && !isJobLive(view.status)) return retireOnly(view, view.status, pass);
  // One write is for the status.
  const changes = new TaskChanges(view.tasks, pass.maxWrites - 1);
  advanceTasks(view, pass, changes);
  takeSlotSteps(view, pass, changes);
  const tasks = changes.tasks();
  const after = advanceStatus(view.status ?? initialStatus(view.job), view.job, tasks, pass.nowMs);
  const retired = isJobLive(after) ? retireReplaced(view, tasks, pass, changes.room) : nothingRetired;
  const status = rememberAttempts(after, tasks, retired.taskIds);
  return {
    tasks: changes.writes(),
    status: status === view.status ? undefined : status,
    retired,
    nextDueMs: isJobLive(status) ? nextDue(staying(tasks, retired), pass) : retireAtMs(status, pass.limits),
    isComplete: changes.isComplete && !retired.hasMore,
  };
}

function retireOnly(view: JobView, status: JobStatusRecord, pass: Pass): JobDecision {
  const retired = retireJob(view, status, pass);
  const nextDueMs = retired.job
    ? Number.POSITIVE_INFINITY
    : Math.max(retireAtMs(status, pass.limits), pass.nowMs);
  return { tasks: [], status: undefined, retired, nextDueMs, isComplete: !retired.hasMore };
}

/** What befalls tasks by themselves: kills, lost agents, deadlines. */
function advanceTasks(view: JobView, pass: Pass, changes: TaskChanges): void {
  for (const task of view.tasks) {
    if (!isTaskLive(task)) continue;
    const killed = view.job.kill !== undefined || view.hasStopWish(taskIdIn(task));
    const stopFor = killed ? { code: 'killed' } : undefined;
    const advanced = advanceTask(task, pass, { agentLost: view.isAgentLost(task.agentId), stopFor });
    if (advanced !== task && !changes.take({ changed: advanced })) return;
  }
}

function takeSlotSteps(view: JobView, { nowMs, limits }: Pass, changes: TaskChanges): void {
  const { job, status, hasStopWish } = view;
  if (job.kill !== undefined || job.descriptor === undefined || !changes.isComplete) return;
  const tasks = changes.tasks();
  const steps = slotSteps({ job, descriptor: job.descriptor, status, hasStopWish, tasks, nowMs, limits });
  for (const step of steps) if (!changes.take(step)) return;
}

function slotSteps(input: SlotInput): Iterable<SlotStep> {
  switch (jobKind(input.descriptor)) {
    case 'batch':
      return batchSteps(input);
    case 'service':
      return serviceSteps(input);
    default:
      return [];
  }
}

function staying(tasks: readonly TaskRecord[], retired: Retirement): readonly TaskRecord[] {
  if (retired.taskIds.length === 0) return tasks;
  const leaving = new Set(retired.taskIds);
  return tasks.filter((task) => !leaving.has(taskIdIn(task)));
}

function nextDue(tasks: readonly TaskRecord[], pass: Pass): number {
  return tasks.reduce((soonest, task) => Math.min(soonest, dueOf(task, pass)), Number.POSITIVE_INFINITY);
}

function dueOf(task: TaskRecord, pass: Pass): number {
  const { nowMs, limits } = pass;
  if (isTaskLive(task)) return judgedAtMs(task, pass);
  if (task.replaced) return task.finishedAtMs + limits.finishedRetentionMs;
  // A replacement that is due and was not made waits for something else than the time.
  return task.replaceAtMs > nowMs ? task.replaceAtMs : Number.POSITIVE_INFINITY;
}
