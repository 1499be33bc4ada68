/* The only writer of the desired side of a task, `stop`. */
import type { JobRecord, Stop, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isBlamelessCode } from '@berth/shared/model/task/failure';
import { isTaskLive } from '@berth/shared/model/task/task-state';
import { endTask } from './end-task.js';
import type { Limits } from './limits.js';
import { stopGraceMs } from './stop-grace.js';

/** The job of a task, and the limits of the cell. */
interface StopSettings {
  readonly job: Pick<JobRecord, 'descriptor'> | undefined;
  readonly limits: Limits;
}

/**
 * Orders a task to stop. A task without an agent ends at once. The first order of a task stays, unless it is
 * a move or a preemption: any other reason says more about the end.
 */
export function orderStop(task: TaskRecord, stop: Stop, { job, limits }: StopSettings): TaskRecord {
  if (!isTaskLive(task)) return task;
  if (task.stop !== undefined) {
    const givesWay = isBlamelessCode(task.stop.code) && !isBlamelessCode(stop.code);
    // The agent has begun to stop it. So the time of the first order stays.
    return givesWay ? { ...task, stop: { ...stop, atMs: task.stop.atMs } } : task;
  }
  if (task.agentId === '') return endTask(task, stop) ?? task;
  const graceMs = stopGraceMs(job, task.stage, limits);
  return { ...task, stop, deadlineAtMs: stop.atMs + graceMs + limits.stopConfirmMs };
}

/**
 * Notes the order to stop a task that ended by itself before the order came: the task is then not replaced.
 */
export function orderStopAfterEnd(ended: TaskRecord, stop: Stop): TaskRecord {
  return { ...ended, stop, replaceAtMs: 0 };
}
