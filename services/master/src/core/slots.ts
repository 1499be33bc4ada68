import type { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { jobKind } from '@berth/shared/model/job';
import { isTaskLive, State, taskState } from '@berth/shared/model/task-state';
import type { Limits } from './limits.js';
import { newTask } from './new-task.js';
import { nextRetryCounters } from './retry.js';
import type { SlotStep } from './task-changes.js';

/** What deciding about a job's slots needs; `tasks` have met their orders and deadlines already. */
export interface SlotInput {
  readonly job: JobRecord;
  readonly descriptor: JobDescriptor;
  readonly status: JobStatusRecord | undefined;
  readonly tasks: readonly TaskRecord[];
  readonly hasStopWish: (taskId: string) => boolean;
  readonly nowMs: number;
  readonly limits: Limits;
}

/** The newest task of each slot. */
export function latestBySlot(tasks: readonly TaskRecord[]): ReadonlyMap<number, TaskRecord> {
  const latest = new Map<number, TaskRecord>();
  for (const task of tasks) {
    const known = latest.get(task.slot);
    if (known === undefined || task.attempt > known.attempt) latest.set(task.slot, task);
  }
  return latest;
}

/** How many tasks the job may still start: live tasks that do not run yet are bounded. */
export function creationBudget({ tasks, limits }: SlotInput): number {
  const notRunning = tasks.filter((task) => isTaskLive(task) && taskState(task) !== State.RUNNING).length;
  return Math.max(0, limits.maxNotRunningPerJob - notRunning);
}

/**
 * The first task of a slot; a slot that was used before, by `latest` or by tasks that have left, goes on counting
 * attempts, so that no id comes twice.
 */
export function firstTask(
  { job, status, nowMs }: SlotInput,
  slot: number,
  latest: TaskRecord | undefined,
): TaskRecord {
  const last = Math.max(-1, status?.slotAttempts[slot] ?? -1, latest?.attempt ?? -1);
  return newTask(job, { slot, attempt: last + 1, userRetries: 0, systemRetries: 0 }, nowMs);
}

/**
 * An ended task that is to be replaced at `replaceAtMs`: noted, or done with its replacement when the time has come.
 * Undefined where there is nothing to do yet.
 */
export function replaceWhenDue(
  input: SlotInput,
  ended: TaskRecord,
  replaceAtMs: number,
): SlotStep | undefined {
  const dueMs = ended.replaceAtMs || replaceAtMs;
  if (dueMs > input.nowMs)
    return ended.replaceAtMs === dueMs ? undefined : { changed: { ...ended, replaceAtMs: dueMs } };
  const { slot, attempt } = ended;
  const counters = nextRetryCounters(ended, jobKind(input.descriptor), input.limits);
  const seed = { slot, attempt: attempt + 1, replaces: ended, ...counters };
  return {
    changed: { ...ended, replaced: true, replaceAtMs: 0 },
    created: newTask(input.job, seed, input.nowMs),
  };
}
