import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import { endTask, endUnseen } from '../task/end-task.js';
import { orderStop } from '../task/order-stop.js';
import type { ReconcileContext } from './reconcile-context.js';

type AdvanceContext = Pick<ReconcileContext, 'nowMs' | 'limits' | 'patienceUntilMs'>;

type StopSettings = Parameters<typeof orderStop>[2];

/** The circumstances of one live task, beside its own record, the time and the limits. */
interface TaskCircumstances {
  readonly job: JobRecord;
  readonly agentLost: boolean;
  /** The reason to stop the task, if there is one. */
  readonly stopFor: { readonly code: string; readonly text?: string } | undefined;
}

/**
 * Returns the task after orders to stop, its agent's loss and its deadlines; the same object if nothing
 * changes.
 */
export function advanceTask(
  task: TaskRecord,
  context: AdvanceContext,
  { job, agentLost, stopFor }: TaskCircumstances,
): TaskRecord {
  if (!isTaskLive(task)) return task;
  const { nowMs, limits } = context;
  const stopped =
    stopFor === undefined ? task : orderStop(task, { text: '', ...stopFor, atMs: nowMs }, { job, limits });
  if (stopped.agentId !== '' && agentLost) {
    return (
      endUnseen(stopped, { code: 'agentLost', text: `agent ${task.agentId} was lost`, atMs: nowMs }) ?? task
    );
  }
  return judgedAtMs(stopped, context) <= nowMs ? passDeadline(stopped, nowMs, { job, limits }) : stopped;
}

/**
 * Returns the time to judge the live task's deadline; Infinity: never. If a report on its way may say that
 * the deadline was met, it is not judged before the end of patience. The runtime limit does not wait: an
 * order to stop does no harm to a task that has ended by itself.
 */
export function judgedAtMs(task: TaskRecord, { patienceUntilMs }: AdvanceContext): number {
  const { deadlineAtMs, stop } = task;
  if (deadlineAtMs === 0) return Number.POSITIVE_INFINITY;
  const isRuntimeLimit = stop === undefined && taskState(task) === State.RUNNING;
  return isRuntimeLimit ? deadlineAtMs : Math.max(deadlineAtMs, patienceUntilMs);
}

/**
 * Applies the deadline of a task that has passed. A task that ends here loses its assignment. An agent stops
 * every container without an assignment. So a task that ends without a report of its agent leaves nothing
 * running for long.
 */
function passDeadline(task: TaskRecord, nowMs: number, settings: StopSettings): TaskRecord {
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
        settings,
      );
    default:
      return task;
  }
}

function endStuck(task: TaskRecord, nowMs: number, text: string): TaskRecord {
  return endTask(task, { code: 'stuckInState', text, atMs: nowMs }) ?? task;
}
