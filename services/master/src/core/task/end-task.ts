import type { TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { isFinishedCode, isReasonCode } from '@berth/shared/model/task/reason';
import { isTerminal, moveTask, State } from '@berth/shared/model/task/task-state';
import type { Limits } from './limits.js';

/** Why a task ends. */
export interface End {
  readonly code: string;
  readonly text?: string;
  readonly atMs: number;
  readonly context?: Readonly<Record<string, string>>;
}

/**
 * The task, ended. A task that was ordered to stop and did not end by itself is named after the order, not after the
 * way in which it went. Undefined if it has ended already.
 */
export function endTask(task: TaskRecord, end: End): TaskRecord | undefined {
  const to = isFinishedCode(end.code) ? State.FINISHED : State.FAILED;
  const ended = moveTask(task, { to, ...end, atMs: Math.max(end.atMs, lastChangeMs(task)) });
  return ended && { ...ended, deadlineAtMs: 0 };
}

/** Ends a task whose agent will not tell how it went: an order to stop is taken as obeyed. */
export function endUnseen(task: TaskRecord, end: End): TaskRecord | undefined {
  return endTask(
    task,
    task.stop === undefined ? end : { code: task.stop.code, text: task.stop.text, atMs: end.atMs },
  );
}

/** What a report is read with, beside the task. */
export interface ReportSettings {
  readonly nowMs: number;
  readonly limits: Limits;
  /** 0 for no limit. */
  readonly runtimeLimitMs: number;
}

/**
 * What an agent's report makes of a task; undefined where it says nothing new. Reports of an agent that no longer has
 * the task, late ones and repeated ones say nothing new.
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
  const moved = moveTask(task, { to, code, text, atMs, context });
  if (moved === undefined || task.stop !== undefined) return moved;
  return { ...moved, deadlineAtMs: deadlineAfterMs(to, atMs, limits, runtimeLimitMs) };
}

function reportedEnd(task: TaskRecord, report: TaskReport, atMs: number): End {
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

/** Agents' clocks may be wrong: a history never goes back in time, and nothing is said to have happened in the future. */
function plausibleMs(atMs: number, task: TaskRecord, nowMs: number): number {
  return Math.max(Math.min(atMs, nowMs), lastChangeMs(task));
}

/** When the task came into its present state. */
function lastChangeMs(task: TaskRecord): number {
  return Date.parse(task.task?.stateChanges.at(-1)?.timestamp ?? '') || task.createdAtMs;
}
