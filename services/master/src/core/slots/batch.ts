import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf, retryPolicyOf } from '@berth/shared/model/job/job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, taskReasonCode } from '@berth/shared/model/task/task-state';
import type { SlotStep } from '../reconcile/task-changes.js';
import type { Limits } from '../task/limits.js';
import { endedBySystem, policyDelayMs, systemDelayMs } from './retry.js';
import { creationBudget, firstTask, latestBySlot, replaceWhenDue, type SlotInput } from './slots.js';

/** What becomes of a slot whose newest task has ended. */
export type SlotFate = 'done' | 'failed' | 'retry';

/**
 * A slot is done when its task ended `normal` or a caller wanted it to end, and when its retries are spent; a failure of
 * the system's own is always tried again.
 */
export function batchSlotFate(descriptor: JobDescriptor, ended: TaskRecord): SlotFate {
  const code = taskReasonCode(ended);
  if (code === 'normal' || code === 'killed' || ended.stop?.code === 'killed') return 'done';
  if (endedBySystem(ended)) return 'retry';
  return ended.userRetries < retryPolicyOf(descriptor).value.retries ? 'retry' : 'failed';
}

/** When the ended task of a slot that is tried again is replaced. */
export function batchRetryAtMs(descriptor: JobDescriptor, ended: TaskRecord, limits: Limits): number {
  const delayMs = endedBySystem(ended)
    ? systemDelayMs(ended, limits)
    : policyDelayMs(retryPolicyOf(descriptor), ended.userRetries);
  return ended.finishedAtMs + delayMs;
}

/** Tasks to create or to change so that each of the `desired` index slots has a task, or is done. */
export function* batchSteps(input: SlotInput): Iterable<SlotStep> {
  const { desired } = instancesOf(input.descriptor);
  const latest = latestBySlot(input.tasks);
  let budget = creationBudget(input);
  for (let slot = 0; slot < desired && budget > 0; slot++) {
    const task = latest.get(slot);
    const step =
      task === undefined ? { created: firstTask(input, slot, undefined) } : continueSlot(input, task);
    if (step === undefined) continue;
    if (step.created !== undefined) budget -= 1;
    yield step;
  }
}

function continueSlot(input: SlotInput, task: TaskRecord): SlotStep | undefined {
  const { descriptor, limits, nowMs } = input;
  if (isTaskLive(task) || batchSlotFate(descriptor, task) !== 'retry') return undefined;
  if (input.hasStopWish(taskIdOf(task))) {
    // It ended by itself before the order to stop was made; the caller wants the slot to end all the same.
    return { changed: { ...task, stop: { code: 'killed', text: '', atMs: nowMs }, replaceAtMs: 0 } };
  }
  return replaceWhenDue(input, task, batchRetryAtMs(descriptor, task, limits));
}

/** How the batch job stands: how many of its slots are done, and which ended in failure. */
export function countSlots(descriptor: JobDescriptor, tasks: readonly TaskRecord[]) {
  const { desired } = instancesOf(descriptor);
  const failed: TaskRecord[] = [];
  let done = 0;
  for (const [slot, task] of latestBySlot(tasks)) {
    if (slot >= desired || isTaskLive(task)) continue;
    const fate = batchSlotFate(descriptor, task);
    if (fate === 'retry') continue;
    done += 1;
    if (fate === 'failed') failed.push(task);
  }
  return { desired, done, failed };
}
