import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';

/** Returns the tasks of each stage that has any, in the given order. */
export function byStage(tasks: readonly TaskRecord[]): ReadonlyMap<number, readonly TaskRecord[]> {
  const stages = new Map<number, TaskRecord[]>();
  for (const task of tasks) {
    const some = stages.get(task.stage);
    if (some === undefined) stages.set(task.stage, [task]);
    else some.push(task);
  }
  return stages;
}

/** Returns the greatest worker number among the tasks; 0 if no task has one. */
export function greatestNumber(tasks: readonly TaskRecord[]): number {
  return tasks.reduce((most, { workerNumber = 0 }) => Math.max(most, workerNumber), 0);
}

/** Returns a function that makes worker numbers that no task of the job ever had. */
export function workerNumbers(
  status: JobStatusRecord | undefined,
  tasks: readonly TaskRecord[],
): () => number {
  let last = Math.max(status?.lastWorkerNumber ?? 0, greatestNumber(tasks));
  return () => {
    last += 1;
    return last;
  };
}
