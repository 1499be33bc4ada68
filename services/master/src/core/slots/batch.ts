import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf } from '@berth/shared/model/job/job';
import { batchSlotFate } from '@berth/shared/model/job/slot-fate';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { orderStopAfterEnd } from '../task/order-stop.js';
import { newestBySlot } from './newest-task.js';
import { batchDelayMs } from './retry.js';
import { creationBudget, firstTask, replaceWhenDue, type SlotInput, type SlotStep } from './slots.js';

/** Returns the steps that give each of the `desired` slots a task, unless the slot is done. */
export function* batchSteps(input: SlotInput): Iterable<SlotStep> {
  const { desired } = instancesOf(input.descriptor);
  const newest = newestBySlot(input.tasks);
  let budget = creationBudget(input);
  for (let slot = 0; slot < desired; slot++) {
    const task = newest.get(slot);
    // A slot that is given up needs no capacity.
    const isGivenUp = task !== undefined && input.hasStopRequest(taskIdOf(task));
    if (budget <= 0 && !isGivenUp) continue;
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

/** Counts the slots of the batch job that have ended, and those of them that were killed or have failed. */
export function countSlots(descriptor: JobDescriptor, tasks: readonly TaskRecord[]) {
  const { desired } = instancesOf(descriptor);
  const failed: TaskRecord[] = [];
  let ended = 0;
  let killed = 0;
  for (const [slot, task] of newestBySlot(tasks)) {
    if (slot >= desired || isTaskLive(task)) continue;
    const fate = batchSlotFate(descriptor, task);
    if (fate === 'retry') continue;
    ended += 1;
    if (fate === 'failed') failed.push(task);
    if (fate === 'killed') killed += 1;
  }
  return { desired, ended, killed, failed };
}
