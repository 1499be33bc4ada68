/*
 * Sets back the times of a leader whose clock ran ahead. Times of what has happened become the present. Times
 * that count from them (deadlines, retries) move by as much, so that their spans begin now.
 */
import type { JobStatusRecord, Stop, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isAhead } from '@berth/shared/model/cell/leader-time';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import { lastChangeMs } from '../task/end-task.js';

/** Returns the task without times from a clock that ran ahead; the same object if it has none. */
export function setBackTask(task: TaskRecord, nowMs: number): TaskRecord {
  const latestMs = latestTimeMs(task, nowMs);
  if (!isAhead(latestMs, nowMs)) return task;
  const past = (atMs: number) => Math.min(atMs, nowMs);
  const due = (atMs: number) => (atMs === 0 ? 0 : Math.max(1, atMs - (latestMs - nowMs)));
  return {
    ...task,
    createdAtMs: past(task.createdAtMs),
    runningAtMs: past(task.runningAtMs),
    finishedAtMs: past(task.finishedAtMs),
    deadlineAtMs: due(task.deadlineAtMs),
    replaceAtMs: due(task.replaceAtMs),
    stop: setBackStop(task.stop, nowMs),
    task: task.task && { ...task.task, stateChanges: setBackChanges(task.task.stateChanges, nowMs) },
  };
}

function setBackStop(stop: Stop | undefined, nowMs: number): Stop | undefined {
  return stop && { ...stop, atMs: Math.min(stop.atMs, nowMs) };
}

/** Only tasks that are about to run have their last change nowhere but in their history. */
function latestTimeMs(task: TaskRecord, nowMs: number): number {
  const { createdAtMs, runningAtMs, finishedAtMs, stop, deadlineAtMs } = task;
  const known = Math.max(createdAtMs, runningAtMs, finishedAtMs, stop?.atMs ?? 0);
  if (!isAhead(known, nowMs) && !isAhead(deadlineAtMs, nowMs)) return known;
  return Math.max(known, lastChangeMs(task));
}

/** Returns the status without times from a clock that ran ahead; the same object if it has none. */
export function setBackStatus(status: JobStatusRecord, nowMs: number): JobStatusRecord {
  const lastMs = Date.parse(status.stateChanges.at(-1)?.timestamp ?? '') || 0;
  if (!isAhead(Math.max(lastMs, status.finishedAtMs), nowMs)) return status;
  return {
    ...status,
    finishedAtMs: Math.min(status.finishedAtMs, nowMs),
    stateChanges: setBackChanges(status.stateChanges, nowMs),
  };
}

function setBackChanges<T extends { readonly timestamp: string }>(changes: readonly T[], nowMs: number): T[] {
  const isLate = ({ timestamp }: T) => Date.parse(timestamp) > nowMs;
  return changes.map((change) => (isLate(change) ? { ...change, timestamp: toRfc3339(nowMs) } : change));
}
