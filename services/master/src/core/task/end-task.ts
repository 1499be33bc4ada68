import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isFinishedCode } from '@berth/shared/model/task/failure';
import { moveTask, State } from '@berth/shared/model/task/task-state';

/** The end of a task. */
export interface TaskEnd {
  readonly code: string;
  readonly text?: string;
  readonly atMs: number;
  readonly context?: Readonly<Record<string, string>>;
}

/** Returns the task, ended; undefined if it has ended already. */
export function endTask(task: TaskRecord, end: TaskEnd): TaskRecord | undefined {
  const to = isFinishedCode(end.code) ? State.FINISHED : State.FAILED;
  const ended = moveTask(task, { to, ...end, atMs: Math.max(end.atMs, lastChangeMs(task)) });
  return ended && { ...ended, deadlineAtMs: 0 };
}

/** Ends a task without a report of its agent. An order to stop counts as obeyed: its reason names the end. */
export function endUnseen(task: TaskRecord, end: TaskEnd): TaskRecord | undefined {
  return endTask(
    task,
    task.stop === undefined ? end : { code: task.stop.code, text: task.stop.text, atMs: end.atMs },
  );
}

/** Returns the time of the task's last change of state. */
export function lastChangeMs(task: TaskRecord): number {
  return Date.parse(task.task?.stateChanges.at(-1)?.timestamp ?? '') || task.createdAtMs;
}
