import type { JobRecord, JobStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { stageWaits } from '@berth/shared/model/job/stage-start';
import { stageOfSlotKey, stagesOf } from '@berth/shared/model/job/stages';
import { State, taskState } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';
import type { SlotInput } from './slots.js';

type Input = Pick<SlotInput, 'job' | 'descriptor' | 'status' | 'tasks' | 'nowMs' | 'limits'>;

const none: ReadonlyMap<number, number> = new Map();

/**
 * The stages that are not to begin yet, each with the time at which it begins however the one before it stands. What has
 * begun is never held again: neither replacements nor growth wait.
 */
export function heldStages(input: Input): ReadonlyMap<number, number> {
  const { job, descriptor, status, tasks, nowMs, limits } = input;
  // Most looks are at jobs that have been there for long.
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

/** Each stage gives the one before it its time, counted from what is stored: another master comes to the same. */
function startsAtMs({ createdAtMs }: JobRecord, stage: number, { stageWaitMs }: Limits): number {
  return createdAtMs + (stage - 1) * stageWaitMs;
}

/** Stages of which tasks have left the replica; all of a stage's may have. */
function stagesThatLeft(status: JobStatusRecord | undefined): ReadonlySet<number> {
  return new Set(Object.keys(status?.slotAttempts ?? {}).map((key) => stageOfSlotKey(Number(key))));
}
