import type { Successor } from '@berth/scheduler';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { orderStop } from './advance-task.js';
import type { Limits } from './limits.js';

/** The task, told to stop since its room is another's. */
export function leaveRoomTo(task: TaskRecord, { taskId, sinceMs }: Successor, limits: Limits): TaskRecord {
  return orderStop(
    task,
    { code: 'preempted', text: `its room is needed for ${taskId}`, atMs: sinceMs },
    limits,
  );
}
