import type { TaskRecord } from '../../gen/berth/v1/store.js';

/** Returns the id of a task, empty in a record that is not complete. */
export function taskIdOf(record: TaskRecord): string {
  return record.task?.id ?? '';
}

/** Returns the id of the job of a task. A task's id begins with it, up to the first dot. */
export function jobIdOfTask(taskId: string): string {
  const dot = taskId.indexOf('.');
  return dot < 0 ? taskId : taskId.slice(0, dot);
}
