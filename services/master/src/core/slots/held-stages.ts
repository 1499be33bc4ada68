import type { JobRecord, JobStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { stageWaits } from '@berth/shared/model/job/stage-start';
import { stageOfSlotKey, stagesOf } from '@berth/shared/model/job/stages';
import { State, taskState } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';
import type { SlotInput } from './slots.js';

type HoldInput = Pick<SlotInput, 'job' | 'descriptor' | 'status' | 'tasks' | 'nowMs' | 'limits'>;

const none: ReadonlyMap<number, number> = new Map();

/**
 * Returns the stages that must not begin yet, each with the latest time to begin it. A stage that has begun
 * is never held again: neither replacements nor growth wait.
 */
export function heldStages(input: HoldInput): ReadonlyMap<number, number> {
  const { job, descriptor, status, tasks, nowMs, limits } = input;
  // Most jobs are older than this: the usual case costs nothing.
  if (nowMs >= startsAtMs(job, stagesOf(descriptor).length, limits)) return none;
  const places = tasks.map((task) => {
    return { stage: task.stage, slot: task.slot, isRunning: taskState(task) === State.RUNNING };
  });
  const known = stagesThatLeft(status);
  return new Map(
    stageWaits(descriptor, places)
      .filter(({ stage }) => !known.has(stage))
      .map(({ stage }) => [stage, startsAtMs(job, stage, limits)] as const)
      .filter(([, startMs]) => startMs > nowMs),
  );
}

/** Returns the latest time to begin the stage. It counts from a stored time, so that all masters agree. */
function startsAtMs({ createdAtMs }: JobRecord, stage: number, { stageWaitMs }: Limits): number {
  return createdAtMs + (stage - 1) * stageWaitMs;
}

/** Returns the stages that have lost tasks to the archive. */
function stagesThatLeft(status: JobStatusRecord | undefined): ReadonlySet<number> {
  return new Set(Object.keys(status?.slotAttempts ?? {}).map((key) => stageOfSlotKey(Number(key))));
}
