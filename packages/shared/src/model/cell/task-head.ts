import { taskState } from '../task/task-state.js';
import type { Entity, TaskHead } from './entity.js';

/** What is most asked of a task. Known also where nobody has needed its record yet, which is then not decoded for it. */
export function headOf(task: Entity<'task'>): TaskHead {
  return task.head ?? { jobId: task.record.jobId, state: taskState(task.record) };
}

/** The id of the task's job. */
export function jobIdOf(task: Entity<'task'>): string {
  return task.head?.jobId ?? task.record.jobId;
}
