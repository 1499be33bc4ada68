import type { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { instancesOf } from './job.js';
import { noStage, stagesOf } from './stages.js';

/** A task as far as it bears on when stages begin. */
export interface StageTask {
  readonly stage: number;
  readonly slot: number;
  readonly isRunning: boolean;
}

/** A stage that has not begun yet, and how far the one is that it waits for. */
export interface StageWait {
  readonly stage: number;
  readonly waitsFor: number;
  /** The running tasks of the other stage: they have an address. */
  readonly running: number;
  readonly wanted: number;
}

/**
 * Returns the stages that want tasks but have none, because the stage before them does not run completely.
 * Tasks get the addresses of that earlier stage when they start, so it has to have some first.
 */
export function stageWaits(descriptor: JobDescriptor, tasks: Iterable<StageTask>): readonly StageWait[] {
  const stages = stagesOf(descriptor).filter((stage) => stage !== noStage);
  if (stages.length < 2) return [];
  const wanted = (stage: number) => instancesOf(descriptor, stage).desired;
  const begun = new Set<number>();
  const running = new Map<number, Set<number>>(stages.map((stage) => [stage, new Set()]));
  for (const { stage, slot, isRunning } of tasks) {
    begun.add(stage);
    // One that the stage is to lose, or has been promised anew, does not count twice.
    if (isRunning && slot < wanted(stage)) running.get(stage)?.add(slot);
  }
  return stages.slice(1).flatMap((stage) => {
    const before = stage - 1;
    const wait = { stage, waitsFor: before, running: running.get(before)?.size ?? 0, wanted: wanted(before) };
    return wanted(stage) > 0 && !begun.has(stage) && wait.running < wait.wanted ? [wait] : [];
  });
}
