import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf, retryPolicyOf } from '@berth/shared/model/job';
import { isTaskLive, taskReasonCode } from '@berth/shared/model/task-state';
import type { Limits } from './limits.js';
import { endedBySystem, policyDelayMs, systemDelayMs } from './retry.js';
import { creationBudget, firstTask, latestBySlot, replaceWhenDue, type SlotInput } from './slots.js';

/** What becomes of a slot whose newest task has ended. */
export type SlotFate = { readonly is: 'done' } | { readonly is: 'failed' } | { readonly is: 'retry'; readonly atMs: number };

/**
 * A slot is done when its task ended `normal` or was killed, and when its retries are spent; a failure of the system's
 * own is always tried again.
 */
export function batchSlotFate(descriptor: JobDescriptor, ended: TaskRecord, limits: Limits): SlotFate {
  const code = taskReasonCode(ended);
  if (code === 'normal' || code === 'killed') return { is: 'done' };
  if (endedBySystem(ended)) return { is: 'retry', atMs: ended.finishedAtMs + systemDelayMs(ended, limits) };
  const policy = retryPolicyOf(descriptor);
  if (ended.userRetries >= policy.value.retries) return { is: 'failed' };
  return { is: 'retry', atMs: ended.finishedAtMs + policyDelayMs(policy, ended.userRetries) };
}

/** Tasks to create or to change so that each of the `desired` index slots has a task, or is done. */
export function reconcileBatch(input: SlotInput): readonly TaskRecord[] {
  const { desired } = instancesOf(input.descriptor);
  const latest = latestBySlot(input.tasks);
  const changes: TaskRecord[] = [];
  let budget = creationBudget(input);
  for (let slot = 0; slot < desired && budget > 0; slot++) {
    const task = latest.get(slot);
    const step = task === undefined ? [firstTask(input, slot)] : continueSlot(input, task);
    changes.push(...step);
    budget -= step.filter(isTaskLive).length;
  }
  return changes;
}

function continueSlot(input: SlotInput, task: TaskRecord): readonly TaskRecord[] {
  if (isTaskLive(task)) return [];
  const fate = batchSlotFate(input.descriptor, task, input.limits);
  return fate.is === 'retry' ? replaceWhenDue(input, task, fate.atMs) : [];
}

/** How the batch job stands: how many of its slots are done, and which ended in failure. */
export function countSlots(descriptor: JobDescriptor, tasks: readonly TaskRecord[], limits: Limits) {
  const { desired } = instancesOf(descriptor);
  const failed: TaskRecord[] = [];
  let done = 0;
  for (const [slot, task] of latestBySlot(tasks)) {
    if (slot >= desired || isTaskLive(task)) continue;
    const fate = batchSlotFate(descriptor, task, limits);
    if (fate.is === 'retry') continue;
    done += 1;
    if (fate.is === 'failed') failed.push(task);
  }
  return { desired, done, failed };
}
