import type { JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { jobKind } from '@berth/shared/model/job/job';
import { slotKey, stagesOf } from '@berth/shared/model/job/stages';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';
import { newTask, type TaskSeed } from '../task/new-task.js';
import { withNextAttempt } from '../task/next-attempt.js';
import { nextRetryCounters } from './retry.js';

/**
 * Changes that belong together: an ended task is marked as replaced in the step that creates its replacement.
 */
export interface SlotStep {
  readonly changed?: TaskRecord;
  readonly created?: TaskRecord;
}

/** The inputs of the decision on the slots of a job, or of one of its stages. */
export interface SlotInput {
  readonly job: JobRecord;
  readonly descriptor: JobDescriptor;
  readonly status: JobStatusRecord | undefined;
  readonly stage: number;
  /** The tasks of the stage; orders and deadlines are applied to them already. */
  readonly tasks: readonly TaskRecord[];
  /** Returns the worker number of the next new task, another at each call; absent in a job without stages. */
  readonly nextWorkerNumber?: () => number;
  readonly hasStopRequest: (taskId: string) => boolean;
  /** True if the task is stored as it is here. */
  readonly isCommitted: (task: TaskRecord) => boolean;
  /** The tasks that may begin while the digest of their image is not known. Absent: any number. */
  readonly imageBudget?: number;
  readonly nowMs: number;
  readonly limits: Limits;
}

/**
 * Returns the number of tasks that the job may still start: live tasks that do not run yet are bounded.
 * Stages share the bound, so that no stage holds up another.
 */
export function creationBudget({ descriptor, tasks, limits, imageBudget = Infinity }: SlotInput): number {
  const notRunning = tasks.filter((task) => isTaskLive(task) && taskState(task) !== State.RUNNING).length;
  const share = Math.max(1, Math.floor(limits.maxNotRunningPerJob / stagesOf(descriptor).length));
  return Math.min(imageBudget, Math.max(0, share - notRunning));
}

/**
 * Creates the first task of a slot. In a slot that was used before, by `newest` or by tasks that have left
 * the replica, the count of attempts goes on, so that no id comes twice.
 */
export function firstTask(input: SlotInput, slot: number, newest: TaskRecord | undefined): TaskRecord {
  const { job, status, stage, nowMs } = input;
  const last = Math.max(-1, status?.slotAttempts[slotKey(stage, slot)] ?? -1, newest?.attempt ?? -1);
  const seed = { stage, slot, attempt: last + 1, userRetries: 0, systemRetries: 0 };
  return newTask(job, { ...seed, ...numbered(input) }, nowMs);
}

function numbered({ nextWorkerNumber }: SlotInput): Pick<TaskSeed, 'workerNumber'> {
  return nextWorkerNumber === undefined ? {} : { workerNumber: nextWorkerNumber() };
}

/**
 * Returns the step for an ended task that is to be replaced at `replaceAtMs`: it notes the time, or creates
 * the replacement once the time has come. Returns undefined if there is nothing to do yet.
 */
export function replaceWhenDue(
  input: SlotInput,
  ended: TaskRecord,
  replaceAtMs: number,
): SlotStep | undefined {
  const dueMs = ended.replaceAtMs || replaceAtMs;
  if (dueMs > input.nowMs)
    return ended.replaceAtMs === dueMs
      ? undefined
      : { changed: withNextAttempt(ended, dueMs, input.isCommitted(ended)) };
  const { stage, slot, attempt } = ended;
  const counters = nextRetryCounters(ended, jobKind(input.descriptor), input.limits);
  const seed = { stage, slot, attempt: attempt + 1, replaces: ended, ...counters, ...numbered(input) };
  return {
    changed: { ...ended, replaced: true, replaceAtMs: 0 },
    created: newTask(input.job, seed, input.nowMs),
  };
}
