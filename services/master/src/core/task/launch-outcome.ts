/* Decides how the end or the start of a task counts for the launches of its agent. */
import type {
  AgentRecord,
  AgentStatusRecord,
  TaskRecord,
  TaskReport,
} from '@berth/shared/gen/berth/v1/store';
import { faultRules, isFault } from '@berth/shared/model/task/failure';
import { isTaskLive, State, taskReasonCode, taskState } from '@berth/shared/model/task/task-state';

/** A launch that worked, or that failed by the fault of the agent's host or engine. */
export type LaunchOutcome = 'worked' | 'failed';

/** The longest reason that an agent's status holds. */
const maxReasonLength = 500;

/**
 * Returns the outcome of a task's launch, if this change of the task decides it. Without a report the master
 * itself ended the task: one that did not begin in time counts against its agent.
 */
export function launchOutcome(
  before: TaskRecord,
  after: TaskRecord,
  report?: Pick<TaskReport, 'fault' | 'exitCode'>,
): LaunchOutcome | undefined {
  if (before.agentId === '' || before.runningAtMs > 0 || !isTaskLive(before)) return undefined;
  // A container with an exit code was started, whatever ended it.
  if (after.runningAtMs > 0 || report?.exitCode !== undefined) return 'worked';
  if (taskState(after) !== State.FAILED || after.stop !== undefined) return undefined;
  if (report === undefined) return taskReasonCode(after) === 'stuckInState' ? 'failed' : undefined;
  const { fault } = report;
  return isFault(fault) && faultRules[fault].countsAgainstAgent ? 'failed' : undefined;
}

/**
 * True if a launch of the same job failed on another agent before. Then the job may be the cause, in a way
 * that no text of an engine shows. So one job counts against one agent at most, and cannot have a whole cell
 * avoided.
 */
export function failedElsewhere(task: TaskRecord, ofJob: Iterable<TaskRecord>): boolean {
  for (const other of ofJob) if (other.agentId !== task.agentId && isFailedLaunch(other)) return true;
  return false;
}

function isFailedLaunch(task: TaskRecord): boolean {
  if (taskState(task) !== State.FAILED || task.agentId === '' || task.runningAtMs > 0) return false;
  const code = taskReasonCode(task);
  return code === 'systemError' || code === 'stuckInState';
}

/**
 * Returns the agent's status after the launch; the same object if nothing changes. Launches that began before
 * the last failure tell nothing new by failing: they failed together with it.
 */
export function withLaunch(
  status: AgentStatusRecord,
  agent: Pick<AgentRecord, 'incarnation'>,
  { outcome, task }: { readonly outcome: LaunchOutcome; readonly task: TaskRecord },
): AgentStatusRecord {
  const { launchFailures } = status;
  if (outcome === 'worked') {
    return launchFailures === undefined ? status : { ...status, launchFailures: undefined };
  }
  const { incarnation } = agent;
  const known = launchFailures?.incarnation === incarnation ? launchFailures : undefined;
  if (known !== undefined && placedAtMs(task) < known.lastAtMs) return status;
  const reason = (task.task?.state?.reason ?? '').slice(0, maxReasonLength);
  const count = (known?.count ?? 0) + 1;
  return { ...status, launchFailures: { count, lastAtMs: task.finishedAtMs, reason, incarnation } };
}

function placedAtMs({ task, createdAtMs }: TaskRecord): number {
  const placed = task?.stateChanges.find(({ state }) => state === 'DISPATCHED');
  return Date.parse(placed?.timestamp ?? '') || createdAtMs;
}
