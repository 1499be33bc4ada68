import type { State } from '../../gen/netflix/titus/titus_job_api.js';
import { taskState } from '../task/task-state.js';
import type { Entity } from './entity.js';

/** The facts that are asked of a task most often. */
export interface TaskHead {
  readonly jobId: string;
  readonly state: State;
}

/** A task whose head is known before its record is decoded. The store makes such tasks. */
export interface TaskWithHead extends Entity<'task'> {
  readonly head: TaskHead;
}

/** Returns the head of a task. */
export function headOf(task: Entity<'task'> & Partial<Pick<TaskWithHead, 'head'>>): TaskHead {
  return task.head ?? { jobId: task.record.jobId, state: taskState(task.record) };
}

/** Returns the id of the task's job. */
export function jobIdOf(task: Entity<'task'> & Partial<Pick<TaskWithHead, 'head'>>): string {
  return task.head?.jobId ?? task.record.jobId;
}
