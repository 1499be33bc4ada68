import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf, retryPolicyOf } from '@berth/shared/model/job/job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, taskReasonCode } from '@berth/shared/model/task/task-state';
import { orderStopAfterEnd } from '../task/order-stop.js';
import { newestBySlot } from './newest-task.js';
import { batchDelayMs, endedBySystem } from './retry.js';
import { creationBudget, firstTask, replaceWhenDue, type SlotInput, type SlotStep } from './slots.js';

/** The fate of a slot after the end of its newest task. */
type SlotFate = 'done' | 'failed' | 'retry';

/**
 * Returns the fate of a slot. It is done when its task ended `normal` or a caller stopped it, and it has
 * failed when its retries are spent. A failure of the system's own is always tried again.
 */
function batchSlotFate(descriptor: JobDescriptor, ended: TaskRecord): SlotFate {
  const code = taskReasonCode(ended);
  if (code === 'normal' || code === 'killed' || ended.stop?.code === 'killed') return 'done';
  if (endedBySystem(ended)) return 'retry';
  return ended.userRetries < retryPolicyOf(descriptor).value.retries ? 'retry' : 'failed';
}

/** Returns the steps that give each of the `desired` slots a task, unless the slot is done. */
export function* batchSteps(input: SlotInput): Iterable<SlotStep> {
  const { desired } = instancesOf(input.descriptor);
  const newest = newestBySlot(input.tasks);
  let budget = creationBudget(input);
  for (let slot = 0; slot < desired && budget > 0; slot++) {
    const task = newest.get(slot);
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
  if (input.hasStopRequest(taskIdOf(task))) {
    // The task ended by itself before the order to stop. The caller wants the slot to end all the same.
    return { changed: orderStopAfterEnd(task, { code: 'killed', text: '', atMs: nowMs }) };
  }
  return replaceWhenDue(input, task, task.finishedAtMs + batchDelayMs(descriptor, task, limits));
}

/** Counts the slots of the batch job that are done, and lists the last tasks of failed slots. */
export function countSlots(descriptor: JobDescriptor, tasks: readonly TaskRecord[]) {
  const { desired } = instancesOf(descriptor);
  const failed: TaskRecord[] = [];
  let done = 0;
  for (const [slot, task] of newestBySlot(tasks)) {
    if (slot >= desired || isTaskLive(task)) continue;
    const fate = batchSlotFate(descriptor, task);
    if (fate === 'retry') continue;
    done += 1;
    if (fate === 'failed') failed.push(task);
  }
  return { desired, done, failed };
}
