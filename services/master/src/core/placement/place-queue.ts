import {
  explainUnplaced,
  isUnplaced,
  type Placement,
  placeShards,
  refusalMs,
  type TimesByJob,
  type Unplaced,
} from '@berth/scheduler';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { PlanBuilder } from '../plan/plan-builder.js';
import type { RoundInput, RoundPlan } from '../plan/round-types.js';
import { checkAgainMs } from '../reconcile/disruption.js';
import { orderStop } from '../task/order-stop.js';
import { withWaitingReason } from '../task/waiting-reason.js';
import { assignTask, waitingForVictims, withGpus } from './assign-task.js';
import { avoidFailing } from './avoid-failing.js';
import { endingOf, freedTasks, unseenFailures } from './freed-capacity.js';
import { orderOptions, placeOptions } from './place-options.js';
import { isCritical } from './preemption-rules.js';
import { queuedShards } from './waiting-shards.js';

type QueueOutcome = Pick<RoundPlan, 'unplaced' | 'queueLeft' | 'queueDueMs'>;

/** Places the waiting tasks, this round's new ones included, and orders the victims of preemption to stop. */
export function placeQueue(input: RoundInput, builder: PlanBuilder): QueueOutcome {
  const freed = freedTasks(input.cell, builder.tasks);
  const { index } = input.agents;
  const shards = queuedShards(input, builder, input.queue.hasChanges || freed.length > 0);
  const unplaced: Unplaced[] = [];
  const outcome = (queueLeft: boolean) => {
    const refusals = [unseenFailures(freed).refusals, { get: (jobId: string) => index.refusals.of(jobId) }];
    return { unplaced, queueLeft, queueDueMs: queueDueMs(input, unplaced, refusals) };
  };
  if (shards.length === 0) return outcome(false);
  const options = { ...placeOptions(input), ...orderOptions(input, builder, index), ...endingOf(freed) };
  const avoided = avoidFailing(index, builder.agentStatuses);
  try {
    for (const result of placeShards(shards, index, options)) {
      if (!isUnplaced(result)) {
        if (!takePlacement(result, input, builder)) return outcome(true);
        continue;
      }
      noteWaiting(result, input.cell, builder);
      unplaced.push(result);
    }
    return outcome(false);
  } finally {
    avoided.restore();
  }
}

/** Takes a placement into the plan; returns false if too few writes are left. */
function takePlacement(placement: Placement, input: RoundInput, builder: PlanBuilder): boolean {
  const { cell, nowMs, limits } = input;
  const { taskId, agentId, gpus, preemption } = placement;
  const task = builder.task(taskId);
  const agent = cell.find('agent', agentId)?.record;
  if (task === undefined || agent === undefined) return true;
  const assigned = withGpus(assignTask(task, agent, nowMs, limits), gpus);
  if (preemption === undefined) return builder.takePlaced(assigned);
  const stop = { code: 'preempted', text: `its capacity is needed for ${taskId}`, atMs: nowMs };
  const victims = preemption.awaits.flatMap((id) => {
    const victim = builder.task(id);
    return victim === undefined
      ? []
      : [orderStop(victim, stop, { job: cell.find('job', victim.jobId)?.record, limits })];
  });
  return builder.takePlaced(waitingForVictims(assigned, victims, nowMs), victims);
}

/**
 * Returns the time of the next placement without a change: agents that refused a task may take it then, and
 * jobs that could not lose a task before may have recovered.
 */
function queueDueMs(
  { cell, limits, nowMs }: RoundInput,
  unplaced: readonly Unplaced[],
  refusals: readonly Pick<TimesByJob, 'get'>[],
): number {
  let dueMs = Number.POSITIVE_INFINITY;
  for (const { jobId } of unplaced) {
    if (limits.preempts && isCritical(cell.find('job', jobId)?.record))
      dueMs = Math.min(dueMs, nowMs + checkAgainMs);
    for (const times of refusals) {
      for (const atMs of times.get(jobId)?.values() ?? []) {
        const overMs = atMs + refusalMs + 1;
        if (overMs > nowMs) dueMs = Math.min(dueMs, overMs);
      }
    }
  }
  return dueMs;
}

/**
 * Notes the reason in a waiting task that is stored for the first time. Later callers ask for an explanation.
 */
function noteWaiting(one: Unplaced, cell: CellView, builder: PlanBuilder): void {
  const record = builder.tasks.get(one.taskId);
  if (record?.task === undefined || cell.find('task', one.taskId) !== undefined) return;
  builder.put(withWaitingReason(record, explainUnplaced(one)));
}
