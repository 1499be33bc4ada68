import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';

/**
 * Returns the task with the public reason of its wait. Every other public reason comes with a move of its
 * state.
 */
export function withWaitingReason(task: TaskRecord, reason: string): TaskRecord {
  const { task: waiting } = task;
  if (waiting?.state === undefined) return task;
  return { ...task, task: { ...waiting, state: { ...waiting.state, reason } } };
}
