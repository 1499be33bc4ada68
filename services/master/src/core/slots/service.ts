import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf, retryPolicyOf } from '@berth/shared/model/job/job';
import { noStage } from '@berth/shared/model/job/stages';
import { isTaskLive, taskReasonCode } from '@berth/shared/model/task/task-state';
import { orderStop } from '../reconcile/advance-task.js';
import type { SlotStep } from '../reconcile/task-changes.js';
import type { Limits } from '../task/limits.js';
import { doubled, endedBySystem, policyDelayMs, ranForMs, systemDelayMs } from './retry.js';
import { pickScaleDown } from './scale-down.js';
import { creationBudget, firstTask, latestBySlot, replaceWhenDue, type SlotInput } from './slots.js';

/**
 * Tasks to create, stop or change so that the service, or the stage, has `desired` slots, each with a task or one to
 * come. The slots of a stage are those below `desired`; those of a service are any.
 */
export function* serviceSteps(input: SlotInput): Iterable<SlotStep> {
  const { desired } = instancesOf(input.descriptor, input.stage);
  const latest = latestBySlot(input.tasks);
  const occupied: TaskRecord[] = [];
  for (const task of latest.values()) {
    if (isSlotGone(task)) {
      if (!task.replaced) yield { changed: retireSlot(task) };
    } else if (task.stop?.code !== 'scaledDown') occupied.push(task);
  }
  const victims = new Set(pickVictims(input, occupied, desired));
  for (const task of victims) {
    const removed = removeSlot(task, input);
    if (removed !== task) yield { changed: removed };
  }
  const staying = occupied.filter((task) => !victims.has(task));
  const endSlot = input.stage === noStage ? Number.POSITIVE_INFINITY : desired;
  yield* growAndReplace(input, { latest, staying, missing: desired - staying.length, endSlot });
}

/** A stage gives up its highest slots, so that the indexes of its tasks have no gap for long. */
function pickVictims(
  { stage }: SlotInput,
  occupied: readonly TaskRecord[],
  desired: number,
): readonly TaskRecord[] {
  if (stage !== noStage) return occupied.filter(({ slot }) => slot >= desired);
  return pickScaleDown(occupied, Math.max(0, occupied.length - desired));
}

/** When an ended service task is replaced: at once after a kill, else as its policy, the system or its past say. */
export function serviceReplaceAtMs(descriptor: JobDescriptor, ended: TaskRecord, limits: Limits): number {
  if (taskReasonCode(ended) === 'killed') return ended.finishedAtMs;
  if (endedBySystem(ended)) return ended.finishedAtMs + systemDelayMs(ended, limits);
  const stable = ranForMs(ended) >= limits.stableRunMs;
  const failures = stable ? 0 : ended.userRetries;
  const policyMs = policyDelayMs(retryPolicyOf(descriptor, ended.stage), failures);
  const floorMs = stable ? 0 : doubled(limits.minBackoffMs, failures, limits.maxBackoffMs);
  return ended.finishedAtMs + Math.max(policyMs, floorMs);
}

/**
 * A slot is gone once its newest task ended after a scale-down (however it ended: it may have been quicker than the
 * order), or ended and was given up waiting for a replacement.
 */
function isSlotGone(latest: TaskRecord): boolean {
  return (
    !isTaskLive(latest) &&
    (latest.replaced || latest.stop?.code === 'scaledDown' || taskReasonCode(latest) === 'scaledDown')
  );
}

function retireSlot(ended: TaskRecord): TaskRecord {
  return { ...ended, replaced: true, replaceAtMs: 0 };
}

function removeSlot(task: TaskRecord, { nowMs, limits }: SlotInput): TaskRecord {
  const stopped = orderStop(task, { code: 'scaledDown', text: '', atMs: nowMs }, limits);
  return isTaskLive(stopped) ? stopped : retireSlot(stopped);
}

interface Growth {
  readonly latest: ReadonlyMap<number, TaskRecord>;
  readonly staying: readonly TaskRecord[];
  readonly missing: number;
  /** Every slot is below this one. */
  readonly endSlot: number;
}

function* growAndReplace(input: SlotInput, growth: Growth): Iterable<SlotStep> {
  const { latest, staying, missing } = growth;
  let budget = creationBudget(input);
  for (const task of staying) {
    if (budget <= 0) return;
    if (isTaskLive(task)) continue;
    const step = replaceWhenDue(input, task, serviceReplaceAtMs(input.descriptor, task, input.limits));
    if (step === undefined) continue;
    if (step.created !== undefined) budget -= 1;
    yield step;
  }
  for (const slot of freeSlots(growth, Math.min(missing, budget))) {
    yield { created: firstTask(input, slot, latest.get(slot)) };
  }
}

/** The `count` lowest slots that no task holds, and that no task on its way out still holds. */
function* freeSlots({ latest, endSlot }: Growth, count: number): Iterable<number> {
  for (let slot = 0, found = 0; found < count && slot < endSlot; slot++) {
    const task = latest.get(slot);
    if (task !== undefined && !isSlotGone(task)) continue;
    found += 1;
    yield slot;
  }
}
