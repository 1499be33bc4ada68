import type { Stop, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import { endTask, endUnseen } from '../task/end-task.js';
import type { Limits } from '../task/limits.js';
import type { Pass } from './reconcile-context.js';

/** What bears on one live task beside its own record, the time and the limits. */
export interface TaskCircumstances {
  readonly agentLost: boolean;
  /** Why the task is to stop, if it is. */
  readonly stopFor: { readonly code: string; readonly text?: string } | undefined;
}

/** The task after orders to stop, its agent's loss and its deadlines; the same object where nothing changes. */
export function advanceTask(
  task: TaskRecord,
  pass: Pass,
  { agentLost, stopFor }: TaskCircumstances,
): TaskRecord {
  if (!isTaskLive(task)) return task;
  const { nowMs, limits } = pass;
  const stopped =
    stopFor === undefined ? task : orderStop(task, { text: '', ...stopFor, atMs: nowMs }, limits);
  if (stopped.agentId !== '' && agentLost) {
    return (
      endUnseen(stopped, { code: 'agentLost', text: `agent ${task.agentId} was lost`, atMs: nowMs }) ?? task
    );
  }
  return judgedAtMs(stopped, pass) <= nowMs ? passDeadline(stopped, nowMs, limits) : stopped;
}

/**
 * When the live task's deadline is judged; Infinity: never. Where a report on its way may say that it was met, not
 * before the end of patience; an order to stop does no harm to a task that has ended by itself, so the runtime limit
 * does not wait.
 */
export function judgedAtMs(task: TaskRecord, { patienceUntilMs }: Pass): number {
  const { deadlineAtMs, stop } = task;
  if (deadlineAtMs === 0) return Number.POSITIVE_INFINITY;
  const isRuntimeLimit = stop === undefined && taskState(task) === State.RUNNING;
  return isRuntimeLimit ? deadlineAtMs : Math.max(deadlineAtMs, patienceUntilMs);
}

/** Orders a task to stop: one that has no agent yet ends at once. A first order stands. */
export function orderStop(task: TaskRecord, stop: Stop, limits: Limits): TaskRecord {
  if (!isTaskLive(task) || task.stop !== undefined) return task;
  if (task.agentId === '') return endTask(task, stop) ?? task;
  return { ...task, stop, deadlineAtMs: stop.atMs + limits.killGraceMs + limits.stopConfirmMs };
}

/**
 * A task ended here for want of progress loses its assignment, and an agent stops every container that is not assigned
 * to it: so a task that ends without its agent's word leaves nothing running for long.
 */
function passDeadline(task: TaskRecord, nowMs: number, limits: Limits): TaskRecord {
  if (!isTaskLive(task)) return task;
  if (task.stop !== undefined) return endUnseen(task, { code: task.stop.code, atMs: nowMs }) ?? task;
  switch (taskState(task)) {
    case State.DISPATCHED:
      return endStuck(task, nowMs, `agent ${task.agentId} did not begin to start it in time`);
    case State.STARTING:
      return endStuck(task, nowMs, `it did not start on agent ${task.agentId} in time`);
    case State.RUNNING:
      return orderStop(
        task,
        { code: 'runtimeLimitExceeded', text: 'it ran longer than its runtime limit', atMs: nowMs },
        limits,
      );
    default:
      return task;
  }
}

function endStuck(task: TaskRecord, nowMs: number, text: string): TaskRecord {
  return endTask(task, { code: 'stuckInState', text, atMs: nowMs }) ?? task;
}
