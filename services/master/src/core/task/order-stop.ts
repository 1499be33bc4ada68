/* The only writer of the desired side of a task, `stop`. */
import type { Stop, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { endTask } from './end-task.js';
import type { Limits } from './limits.js';

/** Orders a task to stop. A task without an agent ends at once. The first order of a task stays. */
export function orderStop(task: TaskRecord, stop: Stop, limits: Limits): TaskRecord {
  if (!isTaskLive(task) || task.stop !== undefined) return task;
  if (task.agentId === '') return endTask(task, stop) ?? task;
  return { ...task, stop, deadlineAtMs: stop.atMs + limits.killGraceMs + limits.stopConfirmMs };
}

/**
 * Notes the order to stop a task that ended by itself before the order came: the task is then not replaced.
 */
export function orderStopAfterEnd(ended: TaskRecord, stop: Stop): TaskRecord {
  return { ...ended, stop, replaceAtMs: 0 };
}
