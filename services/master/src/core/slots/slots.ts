import type { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { jobKind } from '@berth/shared/model/job/job';
import { slotKey, stagesOf } from '@berth/shared/model/job/stages';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import type { SlotStep } from '../reconcile/task-changes.js';
import type { Limits } from '../task/limits.js';
import { newTask, type TaskSeed } from '../task/new-task.js';
import { nextRetryCounters } from './retry.js';

/** What deciding about the slots of a job, or of one of its stages, needs. */
export interface SlotInput {
  readonly job: JobRecord;
  readonly descriptor: JobDescriptor;
  readonly status: JobStatusRecord | undefined;
  readonly stage: number;
  /** Those of the stage; they have met their orders and deadlines already. */
  readonly tasks: readonly TaskRecord[];
  /** The worker number of the next new task, another at each call; absent in a job without stages. */
  readonly nextWorkerNumber?: () => number;
  readonly hasStopWish: (taskId: string) => boolean;
  readonly nowMs: number;
  readonly limits: Limits;
}

/** The newest task of each slot; all tasks are of one stage. */
export function latestBySlot(tasks: readonly TaskRecord[]): ReadonlyMap<number, TaskRecord> {
  const latest = new Map<number, TaskRecord>();
  for (const task of tasks) {
    const known = latest.get(task.slot);
    if (known === undefined || task.attempt > known.attempt) latest.set(task.slot, task);
  }
  return latest;
}

/**
 * How many tasks the job may still start: live tasks that do not run yet are bounded. Stages share in that, so that none
 * holds up another.
 */
export function creationBudget({ descriptor, tasks, limits }: SlotInput): number {
  const notRunning = tasks.filter((task) => isTaskLive(task) && taskState(task) !== State.RUNNING).length;
  const share = Math.max(1, Math.floor(limits.maxNotRunningPerJob / stagesOf(descriptor).length));
  return Math.max(0, share - notRunning);
}

/**
 * The first task of a slot; a slot that was used before, by `latest` or by tasks that have left, goes on counting
 * attempts, so that no id comes twice.
 */
export function firstTask(input: SlotInput, slot: number, latest: TaskRecord | undefined): TaskRecord {
  const { job, status, stage, nowMs } = input;
  const last = Math.max(-1, status?.slotAttempts[slotKey(stage, slot)] ?? -1, latest?.attempt ?? -1);
  const seed = { stage, slot, attempt: last + 1, userRetries: 0, systemRetries: 0 };
  return newTask(job, { ...seed, ...numbered(input) }, nowMs);
}

function numbered({ nextWorkerNumber }: SlotInput): Pick<TaskSeed, 'workerNumber'> {
  return nextWorkerNumber === undefined ? {} : { workerNumber: nextWorkerNumber() };
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
  const { stage, slot, attempt } = ended;
  const counters = nextRetryCounters(ended, jobKind(input.descriptor), input.limits);
  const seed = { stage, slot, attempt: attempt + 1, replaces: ended, ...counters, ...numbered(input) };
  return {
    changed: { ...ended, replaced: true, replaceAtMs: 0 },
    created: newTask(input.job, seed, input.nowMs),
  };
}
