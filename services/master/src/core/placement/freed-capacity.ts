import { failureKind, type PlaceOptions } from '@berth/scheduler';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive } from '@berth/shared/model/task/task-state';

/** Returns the tasks that free capacity by their end in this round. */
export function freedTasks(cell: CellView, changed: ReadonlyMap<string, TaskRecord>): readonly TaskRecord[] {
  const freed: TaskRecord[] = [];
  for (const [id, task] of changed) {
    const before = cell.find('task', id)?.record;
    if (before !== undefined && before.agentId !== '' && isTaskLive(before) && !isTaskLive(task))
      freed.push(task);
  }
  return freed;
}

/** Returns the tasks that end in this round, for the placement: the index of agents still counts them. */
export function endingOf(freed: readonly TaskRecord[]): Pick<PlaceOptions, 'ending' | 'unseen'> {
  const ending = freed.map((task) => ({ taskId: taskIdOf(task), agentId: task.agentId }));
  return { ending, unseen: unseenFailures(freed) };
}

/** Returns the failures and refusals of agents in this round. */
export function unseenFailures(ended: readonly TaskRecord[]): NonNullable<PlaceOptions['unseen']> {
  const failures = new Map<string, Map<string, number>>();
  const refusals = new Map<string, Map<string, number>>();
  for (const task of ended) {
    const { jobId, agentId, finishedAtMs } = task;
    const kind = failureKind(task);
    if (kind === undefined) continue;
    const noted = kind === 'refused' ? [failures, refusals] : [failures];
    for (const all of noted) all.set(jobId, (all.get(jobId) ?? new Map()).set(agentId, finishedAtMs));
  }
  return { failures, refusals };
}
