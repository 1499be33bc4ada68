import {
  type AgedTask,
  anywhere,
  type PlacementSpec,
  type QueuedTask,
  type QueueShard,
  specOfJob,
} from '@berth/scheduler';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import type { PlanBuilder } from '../plan/plan-builder.js';
import type { RoundInput } from '../plan/round-types.js';
import { WaitingTasks } from '../plan/waiting-tasks.js';

/**
 * Returns the waiting tasks: those from before, if anything has changed for them, then this round's new ones.
 * If one task from before finds no agent, the others of its job and stage find none either. Each new task
 * needs its own reason.
 */
export function queuedShards(
  { cell, queue }: RoundInput,
  builder: PlanBuilder,
  hasChanges: boolean,
): readonly QueueShard<QueuedTask>[] {
  const shards: QueueShard<QueuedTask>[] = [];
  for (const { jobId, stage, ages } of hasChanges ? queue.waiting.shards() : []) {
    const spec = specFor(cell, jobId, stage);
    const isAlike = spec.changingRules.length === 0;
    shards.push({ spec, isAlike, tasks: agedTasks(ages, builder, spec) });
  }
  const added = new WaitingTasks();
  for (const [id, task] of builder.tasks) if (!queue.waiting.has(id) && isWaiting(task)) added.add(task);
  for (const { jobId, stage, ages } of added.shards()) {
    const spec = specFor(cell, jobId, stage);
    const tasks = agedTasks(ages, builder, spec, queue.waiting.endAge);
    shards.push({ spec, isAlike: false, tasks });
  }
  return shards;
}

function* agedTasks(
  ages: ReadonlyMap<string, number>,
  builder: PlanBuilder,
  spec: PlacementSpec,
  olderOnes = 0,
): Generator<AgedTask<QueuedTask>> {
  for (const [taskId, age] of ages) {
    const task = builder.task(taskId);
    if (task === undefined || !isWaiting(task)) continue;
    const { jobId, resources = zeroResources() } = task;
    yield { task: { taskId, jobId, resources, spec }, age: olderOnes + age };
  }
}

function isWaiting(task: TaskRecord): boolean {
  return isTaskLive(task) && taskState(task) === State.QUEUED;
}

/** Returns the stored task as a request for placement. */
export function toQueued(task: TaskRecord, cell: CellView): QueuedTask {
  const { jobId, stage, resources = zeroResources() } = task;
  return { taskId: taskIdOf(task), jobId, resources, spec: specFor(cell, jobId, stage) };
}

function specFor(cell: CellView, jobId: string, stage: number): PlacementSpec {
  const job = cell.find('job', jobId)?.record;
  return job === undefined ? anywhere : specOfJob(job, stage);
}
