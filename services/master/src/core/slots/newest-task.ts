import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { slotKey } from '@berth/shared/model/job/stages';

/** Returns the newest task of each slot, by slot; all tasks are of one stage. */
export function newestBySlot(tasks: readonly TaskRecord[]): ReadonlyMap<number, TaskRecord> {
  return newestBy(tasks, ({ slot }) => slot);
}

/** Returns the newest task of each slot of each stage. */
export function newestOfStages(tasks: readonly TaskRecord[]): readonly TaskRecord[] {
  return [...newestBy(tasks, ({ stage, slot }) => slotKey(stage, slot)).values()];
}

function newestBy(
  tasks: readonly TaskRecord[],
  keyOf: (task: TaskRecord) => number,
): ReadonlyMap<number, TaskRecord> {
  const newest = new Map<number, TaskRecord>();
  for (const task of tasks) {
    const key = keyOf(task);
    const known = newest.get(key);
    if (known === undefined || task.attempt > known.attempt) newest.set(key, task);
  }
  return newest;
}
