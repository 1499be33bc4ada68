import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';

/** The tasks of each stage that has any, in the order given. */
export function byStage(tasks: readonly TaskRecord[]): ReadonlyMap<number, readonly TaskRecord[]> {
  const stages = new Map<number, TaskRecord[]>();
  for (const task of tasks) {
    const some = stages.get(task.stage);
    if (some === undefined) stages.set(task.stage, [task]);
    else some.push(task);
  }
  return stages;
}

/** The greatest worker number among the tasks; 0 where none has one. */
export function greatestNumber(tasks: readonly TaskRecord[]): number {
  return tasks.reduce((most, { workerNumber = 0 }) => Math.max(most, workerNumber), 0);
}

/** Worker numbers that no task of the job ever had, one at each call. */
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
