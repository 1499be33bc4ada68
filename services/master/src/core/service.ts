import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf, retryPolicyOf } from '@berth/shared/model/job';
import { isTaskLive, taskReasonCode } from '@berth/shared/model/task-state';
import { orderStop } from './advance-task.js';
import type { Limits } from './limits.js';
import { doubled, endedBySystem, policyDelayMs, ranForMs, systemDelayMs } from './retry.js';
import { pickScaleDown } from './scale-down.js';
import { creationBudget, firstTask, latestBySlot, replaceWhenDue, type SlotInput } from './slots.js';

/** Tasks to create, stop or change so that the service has `desired` slots, each with a task or one to come. */
export function reconcileService(input: SlotInput): readonly TaskRecord[] {
  const { desired } = instancesOf(input.descriptor);
  const latest = [...latestBySlot(input.tasks).values()];
  const gone = latest.filter(isSlotGone);
  const occupied = latest.filter((task) => !isSlotGone(task) && task.stop?.code !== 'scaledDown');
  const victims = new Set(pickScaleDown(occupied, Math.max(0, occupied.length - desired)));
  const staying = occupied.filter((task) => !victims.has(task));
  return [
    ...gone.filter((task) => !task.replaced).map(retireSlot),
    ...[...victims].map((task) => removeSlot(task, input)),
    ...growAndReplace(input, staying, desired),
  ];
}

/** When an ended service task is replaced: at once after a kill, else as its policy, the system or its past say. */
export function serviceReplaceAtMs(descriptor: JobDescriptor, ended: TaskRecord, limits: Limits): number {
  if (taskReasonCode(ended) === 'killed') return ended.finishedAtMs;
  if (endedBySystem(ended)) return ended.finishedAtMs + systemDelayMs(ended, limits);
  const stable = ranForMs(ended) >= limits.stableRunMs;
  const failures = stable ? 0 : ended.userRetries;
  const policyMs = policyDelayMs(retryPolicyOf(descriptor), failures);
  const floorMs = stable ? 0 : doubled(limits.minBackoffMs, failures, limits.maxBackoffMs);
  return ended.finishedAtMs + Math.max(policyMs, floorMs);
}

/** A slot is gone once its newest task ended by a scale-down, or ended and was given up waiting for a replacement. */
function isSlotGone(latest: TaskRecord): boolean {
  return !isTaskLive(latest) && (latest.replaced || taskReasonCode(latest) === 'scaledDown');
}

function retireSlot(ended: TaskRecord): TaskRecord {
  return { ...ended, replaced: true, replaceAtMs: 0 };
}

function removeSlot(task: TaskRecord, { nowMs, limits }: SlotInput): TaskRecord {
  if (!isTaskLive(task)) return retireSlot(task);
  return orderStop(task, { code: 'scaledDown', text: '', atMs: nowMs }, limits);
}

function growAndReplace(input: SlotInput, staying: readonly TaskRecord[], desired: number): readonly TaskRecord[] {
  const changes: TaskRecord[] = [];
  let budget = creationBudget(input);
  for (const task of staying) {
    if (isTaskLive(task) || budget <= 0) continue;
    const step = replaceWhenDue(input, task, serviceReplaceAtMs(input.descriptor, task, input.limits));
    changes.push(...step);
    budget -= step.filter(isTaskLive).length;
  }
  const missing = Math.min(desired - staying.length, budget);
  return [...changes, ...freeSlots(input.tasks, missing).map((slot) => firstTask(input, slot))];
}

/** The `count` lowest slots that no task holds, and that no task on its way out still holds. */
function freeSlots(tasks: readonly TaskRecord[], count: number): readonly number[] {
  const taken = new Set([...latestBySlot(tasks).values()].filter((task) => !isSlotGone(task)).map((task) => task.slot));
  const free: number[] = [];
  for (let slot = 0; free.length < count; slot++) if (!taken.has(slot)) free.push(slot);
  return free;
}
