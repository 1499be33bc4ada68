import type { JobRecord, JobStatusRecord, Stop, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isJobLive, jobKind } from '@berth/shared/model/job/job';
import { runtimeEndMs } from '@berth/shared/model/job/mantis';
import { noStage, stagesOf } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { batchSteps } from '../slots/batch.js';
import { heldStages } from '../slots/held-stages.js';
import { serviceSteps } from '../slots/service.js';
import type { SlotInput } from '../slots/slots.js';
import { byStage, workerNumbers } from '../slots/stage-tasks.js';
import { advanceTask, judgedAtMs } from './advance-task.js';
import { stopOfJob } from './job-end.js';
import { advanceStatus, initialStatus } from './job-status.js';
import { movesOf } from './moves.js';
import type { Pass } from './reconcile-context.js';
import type { JobView } from './reconciled-job.js';
import {
  nothingRetired,
  type Retirement,
  rememberAttempts,
  retireAtMs,
  retireJob,
  retireReplaced,
} from './retention.js';
import { type SlotStep, TaskChanges } from './task-changes.js';

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
  /** Whether that was more than records which are to leave: a task to create, or to change. */
  readonly hasTasksLeft: boolean;
}

/**
 * Brings what is and what is wanted of one job together: orders to stop, lost agents, deadlines, missing tasks,
 * replacements, scale-down, moves off draining agents, the job's own state, and what may leave the replica.
 */
export function reconcile(view: JobView, pass: Pass): JobDecision {
  if (view.status !== undefined && !isJobLive(view.status)) return retireOnly(view, view.status, pass);
  // One write is for the status.
  const changes = new TaskChanges(view.tasks, pass.maxWrites - 1);
  advanceTasks(view, pass, changes);
  const stageDueMs = takeSlotSteps(view, pass, changes);
  const moveDueMs = takeMoves(view, pass, changes);
  const tasks = changes.tasks();
  const after = advanceStatus(view.status ?? initialStatus(view.job), view.job, tasks, pass.nowMs);
  const retired = isJobLive(after) ? retireReplaced(view, tasks, pass, changes.room) : nothingRetired;
  const status = rememberAttempts(after, tasks, retired.taskIds);
  return {
    tasks: changes.writes(),
    status: status === view.status ? undefined : status,
    retired,
    nextDueMs: isJobLive(status)
      ? Math.min(
          nextDue(staying(tasks, retired), pass),
          nextEndMs(view.job, pass.nowMs),
          stageDueMs,
          moveDueMs,
        )
      : retireAtMs(status, pass.limits),
    isComplete: changes.isComplete && !retired.hasMore,
    hasTasksLeft: !changes.isComplete,
  };
}

function retireOnly(view: JobView, status: JobStatusRecord, pass: Pass): JobDecision {
  const retired = retireJob(view, status, pass);
  const nextDueMs = retired.job
    ? Number.POSITIVE_INFINITY
    : Math.max(retireAtMs(status, pass.limits), pass.nowMs);
  const isComplete = !retired.hasMore;
  return { tasks: [], status: undefined, retired, nextDueMs, isComplete, hasTasksLeft: false };
}

/** What befalls tasks by themselves: kills, lost agents, deadlines. */
function advanceTasks(view: JobView, pass: Pass, changes: TaskChanges): void {
  const jobStop = stopOfJob(view.job, pass.nowMs);
  for (const task of view.tasks) {
    if (!isTaskLive(task)) continue;
    const stopFor = jobStop ?? stopOfTask(view, task, pass);
    const advanced = advanceTask(task, pass, { agentLost: view.isAgentLost(task.agentId), stopFor });
    if (advanced !== task && !changes.take({ changed: advanced })) return;
  }
}

/**
 * Returns the order to stop that one task needs, if it needs one. A placement orders its victims to stop in its own
 * commit. Only masters of earlier versions left that order out of the victims' records; it is added here.
 */
function stopOfTask(view: JobView, task: TaskRecord, { isAwaited }: Pass): Pick<Stop, 'code'> | undefined {
  if (view.hasStopWish(taskIdOf(task))) return { code: 'killed' };
  return isAwaited?.(task) === true ? { code: 'preempted' } : undefined;
}

/** Takes the steps of all slots, and tells when the next stage begins that waits. */
function takeSlotSteps(view: JobView, { nowMs, limits }: Pass, changes: TaskChanges): number {
  const { job, status, hasStopWish } = view;
  const never = Number.POSITIVE_INFINITY;
  if (stopOfJob(job, nowMs) !== undefined || job.descriptor === undefined || !changes.isComplete)
    return never;
  const tasks = changes.tasks();
  const shared = { job, descriptor: job.descriptor, status, hasStopWish, nowMs, limits };
  const input = { ...shared, stage: noStage, tasks };
  const held = heldStages(input);
  for (const step of slotSteps(input, held)) if (!changes.take(step)) break;
  return Math.min(...held.values());
}

/** Moves tasks off draining agents, and tells when to look at that again. */
function takeMoves(
  view: JobView,
  { nowMs, limits, findRoom = () => true }: Pass,
  changes: TaskChanges,
): number {
  const { job, drainOf } = view;
  if (drainOf === undefined || !changes.isComplete) return Number.POSITIVE_INFINITY;
  const moves = movesOf({ job, tasks: changes.tasks(), drainOf, findRoom, nowMs, limits });
  for (const changed of moves.stopped) if (!changes.take({ changed })) break;
  return moves.nextDueMs;
}

function slotSteps(input: SlotInput, held: ReadonlyMap<number, number>): Iterable<SlotStep> {
  switch (jobKind(input.descriptor)) {
    case 'batch':
      return batchSteps(input);
    case 'service':
      return serviceSteps(input);
    case 'mantis':
      return stagesSteps(input, held);
    default:
      return [];
  }
}

/** Each stage is a service of its own, once it is no longer held; the numbers of their tasks are the job's. */
function* stagesSteps(input: SlotInput, held: ReadonlyMap<number, number>): Iterable<SlotStep> {
  const { descriptor, status, tasks } = input;
  const tasksOf = byStage(tasks);
  const nextWorkerNumber = workerNumbers(status, tasks);
  for (const stage of stagesOf(descriptor)) {
    if (held.has(stage)) continue;
    yield* serviceSteps({ ...input, stage, tasks: tasksOf.get(stage) ?? [], nextWorkerNumber });
  }
}

/** When the job's own runtime is over, unless it is; Infinity: never. */
function nextEndMs(job: JobRecord, nowMs: number): number {
  const endMs = runtimeEndMs(job);
  return endMs > nowMs ? endMs : Number.POSITIVE_INFINITY;
}

function staying(tasks: readonly TaskRecord[], retired: Retirement): readonly TaskRecord[] {
  if (retired.taskIds.length === 0) return tasks;
  const leaving = new Set(retired.taskIds);
  return tasks.filter((task) => !leaving.has(taskIdOf(task)));
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
