import type { TaskRecord, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { isFinishedCode } from '@berth/shared/model/reason';
import { isTerminal, moveTask, State } from '@berth/shared/model/task-state';
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
  const ended = moveTask(task, { to, ...end });
  return ended && { ...ended, deadlineAtMs: 0 };
}

/** Ends a task whose agent will not tell how it went: an order to stop is taken as obeyed. */
export function endUnseen(task: TaskRecord, end: End): TaskRecord | undefined {
  return endTask(task, task.stop === undefined ? end : { code: task.stop.code, text: task.stop.text, atMs: end.atMs });
}

/**
 * What an agent's report makes of a task; undefined where it says nothing new. Reports of an agent that no longer has
 * the task, late ones and repeated ones say nothing new.
 */
export function applyReport(
  task: TaskRecord,
  report: TaskReport,
  settings: { readonly limits: Limits; readonly runtimeLimitMs: number },
): TaskRecord | undefined {
  if (task.agentId !== report.agentId) return undefined;
  if (isTerminal(report.state)) return endTask(task, reportedEnd(task, report));
  const { state: to, code, text, context } = report;
  const atMs = notBefore(report.atMs, task);
  const moved = moveTask(task, { to, code, text, atMs, context });
  if (moved === undefined || task.stop !== undefined) return moved;
  const { limits, runtimeLimitMs } = settings;
  return { ...moved, deadlineAtMs: deadlineAfterMs(to, atMs, limits, runtimeLimitMs) };
}

function reportedEnd(task: TaskRecord, report: TaskReport): End {
  const { code, text, context } = report;
  const stop = report.stopped ? task.stop : undefined;
  return { code: stop?.code ?? code, text: stop?.text ?? text, atMs: notBefore(report.atMs, task), context };
}

function deadlineAfterMs(to: State, atMs: number, limits: Limits, runtimeLimitMs: number): number {
  if (to === State.STARTING) return atMs + limits.stuckStartingMs;
  return to === State.RUNNING && runtimeLimitMs > 0 ? atMs + runtimeLimitMs : 0;
}

/** Agents' clocks may lag; a history never goes back in time. */
function notBefore(atMs: number, task: TaskRecord): number {
  return Math.max(atMs, task.createdAtMs, task.runningAtMs);
}
