import type { TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { isReasonCode } from '@berth/shared/model/task/reason';
import { isTerminal, moveTask, State, taskState } from '@berth/shared/model/task/task-state';
import { endTask, lastChangeMs, type TaskEnd } from './end-task.js';
import type { Limits } from './limits.js';
import { withWaitingReason } from './waiting-reason.js';

/** The inputs of {@link applyReport}, beside the task and the report. */
interface ReportSettings {
  readonly nowMs: number;
  readonly limits: Limits;
  /** 0 for no limit. */
  readonly runtimeLimitMs: number;
}

/**
 * Returns the task after its agent's report: here a report becomes a state. Returns undefined if the report
 * changes nothing. A report changes nothing if it is late, repeated, or of an agent that no longer has the
 * task.
 */
export function applyReport(
  task: TaskRecord,
  report: TaskReport,
  settings: ReportSettings,
): TaskRecord | undefined {
  if (task.agentId === '' || task.agentId !== report.agentId) return undefined;
  const { nowMs, limits, runtimeLimitMs } = settings;
  const atMs = plausibleMs(report.atMs, task, nowMs);
  if (isTerminal(report.state)) {
    const ended = endTask(task, reportedEnd(task, report, atMs));
    return ended && { ...ended, results: report.results };
  }
  const { state: to, code, text, context } = report;
  if (to === State.STARTING && taskState(task) === State.STARTING)
    return withProgress(task, text, { atMs, limits });
  const moved = moveTask(task, { to, code, text, atMs, context });
  if (moved === undefined || task.stop !== undefined) return moved;
  return { ...moved, deadlineAtMs: deadlineAfterMs(to, atMs, limits, runtimeLimitMs) };
}

/**
 * Returns the task after its agent's word on a pull. A pull that makes progress, or waits for its turn, is
 * not stuck. Undefined if the word says nothing new.
 */
function withProgress(
  task: TaskRecord,
  text: string,
  { atMs, limits }: { readonly atMs: number; readonly limits: Limits },
): TaskRecord | undefined {
  if (text === '' || task.stop !== undefined) return undefined;
  const deadlineAtMs = Math.max(task.deadlineAtMs, atMs + limits.stuckStartingMs);
  if (deadlineAtMs === task.deadlineAtMs && task.task?.state?.reason === text) return undefined;
  return { ...withWaitingReason(task, text), deadlineAtMs };
}

/** Returns the end that the report says. A task that stopped by an order is named after the order. */
function reportedEnd(task: TaskRecord, report: TaskReport, atMs: number): TaskEnd {
  const { text, context } = report;
  const stop = report.stopped ? task.stop : undefined;
  // A reason that this version does not know is no fault of the user's.
  const known = isReasonCode(report.code) ? report.code : 'systemError';
  const code = report.refused ? 'refused' : known;
  return { code: stop?.code ?? code, text: stop?.text ?? text, atMs, context };
}

function deadlineAfterMs(to: State, atMs: number, limits: Limits, runtimeLimitMs: number): number {
  if (to === State.STARTING) return atMs + limits.stuckStartingMs;
  return to === State.RUNNING && runtimeLimitMs > 0 ? atMs + runtimeLimitMs : 0;
}

/** Agents' clocks may be wrong: a history never goes back in time, and no change lies in the future. */
function plausibleMs(atMs: number, task: TaskRecord, nowMs: number): number {
  return Math.max(Math.min(atMs, nowMs), lastChangeMs(task));
}
