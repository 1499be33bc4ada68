import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { instancesOf } from '@berth/shared/model/job/job';
import { noStage } from '@berth/shared/model/job/stages';
import { isTaskLive, taskReasonCode } from '@berth/shared/model/task/task-state';
import { orderStop } from '../task/order-stop.js';
import { newestBySlot } from './newest-task.js';
import { serviceDelayMs } from './retry.js';
import { pickScaleDown } from './scale-down.js';
import { creationBudget, firstTask, replaceWhenDue, type SlotInput, type SlotStep } from './slots.js';

/**
 * Returns the steps that give the service, or the stage, `desired` slots, each with a task or with a
 * replacement that is due later. The slots of a stage are those below `desired`; those of a service are any.
 */
export function* serviceSteps(input: SlotInput): Iterable<SlotStep> {
  const { desired } = instancesOf(input.descriptor, input.stage);
  const newest = newestBySlot(input.tasks);
  const occupied: TaskRecord[] = [];
  for (const task of newest.values()) {
    if (isSlotGone(task)) {
      if (!task.replaced) yield { changed: retireSlot(task) };
    } else if (task.stop?.code !== 'scaledDown') occupied.push(task);
  }
  const removedTasks = new Set(pickRemoved(input, occupied, desired));
  for (const task of removedTasks) {
    const removed = removeSlot(task, input);
    if (removed !== task) yield { changed: removed };
  }
  const staying = occupied.filter((task) => !removedTasks.has(task));
  const endSlot = input.stage === noStage ? Number.POSITIVE_INFINITY : desired;
  yield* growAndReplace(input, { newest, staying, missing: desired - staying.length, endSlot });
}

/** A stage gives up its highest slots, so that the indexes of its tasks have no gap for long. */
function pickRemoved(
  { stage }: SlotInput,
  occupied: readonly TaskRecord[],
  desired: number,
): readonly TaskRecord[] {
  if (stage !== noStage) return occupied.filter(({ slot }) => slot >= desired);
  return pickScaleDown(occupied, Math.max(0, occupied.length - desired));
}

/**
 * True if the slot is gone: its newest task ended after a scale-down, or ended and was given up while it
 * waited for a replacement. The task may have ended by itself before the order of the scale-down reached it.
 */
function isSlotGone(newest: TaskRecord): boolean {
  return (
    !isTaskLive(newest) &&
    (newest.replaced || newest.stop?.code === 'scaledDown' || taskReasonCode(newest) === 'scaledDown')
  );
}

function retireSlot(ended: TaskRecord): TaskRecord {
  return { ...ended, replaced: true, replaceAtMs: 0 };
}

function removeSlot(task: TaskRecord, { job, nowMs, limits }: SlotInput): TaskRecord {
  const stopped = orderStop(task, { code: 'scaledDown', text: '', atMs: nowMs }, { job, limits });
  return isTaskLive(stopped) ? stopped : retireSlot(stopped);
}

interface Growth {
  readonly newest: ReadonlyMap<number, TaskRecord>;
  readonly staying: readonly TaskRecord[];
  readonly missing: number;
  /** Every slot is below this one. */
  readonly endSlot: number;
}

function* growAndReplace(input: SlotInput, growth: Growth): Iterable<SlotStep> {
  const { newest, staying, missing } = growth;
  let budget = creationBudget(input);
  for (const task of staying) {
    if (budget <= 0) return;
    if (isTaskLive(task)) continue;
    const delayMs = serviceDelayMs(input.descriptor, task, input.limits);
    const step = replaceWhenDue(input, task, task.finishedAtMs + delayMs);
    if (step === undefined) continue;
    if (step.created !== undefined) budget -= 1;
    yield step;
  }
  for (const slot of freeSlots(growth, Math.min(missing, budget))) {
    yield { created: firstTask(input, slot, newest.get(slot)) };
  }
}

/** Returns the `count` lowest slots that no task holds, not even a task that is stopping. */
function* freeSlots({ newest, endSlot }: Growth, count: number): Iterable<number> {
  for (let slot = 0, found = 0; found < count && slot < endSlot; slot++) {
    const task = newest.get(slot);
    if (task !== undefined && !isSlotGone(task)) continue;
    found += 1;
    yield slot;
  }
}
