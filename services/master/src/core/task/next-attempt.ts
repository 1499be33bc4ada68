/* The time of the next attempt of an ended task. Callers read it in the task's context. */
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { nextAttemptKey } from '@berth/shared/model/task/task-context';
import { toRfc3339 } from '@berth/shared/model/task/task-state';

/**
 * Returns the ended task with the time at which its replacement is due. The public part of a task never
 * changes after its end. So the context has the time only if it is known in the commit of the end, as it
 * mostly is.
 */
export function withNextAttempt(ended: TaskRecord, atMs: number, isEndCommitted: boolean): TaskRecord {
  const { task } = ended;
  if (task === undefined || isEndCommitted) return { ...ended, replaceAtMs: atMs };
  const taskContext = { ...task.taskContext, [nextAttemptKey]: toRfc3339(atMs) };
  return { ...ended, replaceAtMs: atMs, task: { ...task, taskContext } };
}
