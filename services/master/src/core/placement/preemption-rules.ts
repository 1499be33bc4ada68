import { type PreemptionRules, specOfJob } from '@berth/scheduler';
import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { PlanBuilder } from '../plan/plan-builder.js';
import type { Agents, RoundInput } from '../plan/round-types.js';
import { disruptionAllowance, disruptionLimitOf } from '../reconcile/disruption.js';
import { findJobInCell } from '../reconcile/job-in-cell.js';

/** Flex tasks may be stopped, within the disruption limits of their jobs. */
export function preemptionRules(
  { cell, agents, maxWrites }: RoundInput,
  builder: PlanBuilder,
): PreemptionRules {
  const known = new Map<string, number>();
  let created: ReadonlyMap<string, readonly TaskRecord[]> | undefined;
  const allowance = (jobId: string): number => {
    const job = cell.find('job', jobId)?.record;
    if (job === undefined || isCritical(job)) return 0;
    const limit = disruptionLimitOf(job);
    if (limit === 0 || limit === Number.POSITIVE_INFINITY) return limit;
    const view = findJobInCell(cell, jobId, builder.tasksOf(jobId));
    if (view === undefined) return 0;
    created ??= createdByJob(cell, builder);
    return disruptionAllowance(view.job, [...view.tasks, ...(created.get(jobId) ?? [])]);
  };
  return {
    allowanceOf: (jobId) => {
      const allowed = known.get(jobId) ?? allowance(jobId);
      known.set(jobId, allowed);
      return allowed;
    },
    isStopping: (taskId) => builder.isStopping(taskId),
    stoppingOn: agentsStopping(builder, agents),
    // The placed task and its job's status are the other two writes of the commit.
    maxVictims: maxWrites - 2,
  };
}

/** Returns the agents with stopping tasks that no other task waits for. */
function agentsStopping(builder: PlanBuilder, { index, stopping }: Agents): ReadonlySet<string> {
  const agentIds = new Set<string>();
  for (const [taskId, agentId] of stopping)
    if (index.find(agentId)?.awaited.has(taskId) !== true) agentIds.add(agentId);
  for (const { stop, agentId } of builder.tasks.values()) if (stop !== undefined) agentIds.add(agentId);
  return agentIds;
}

/** Returns the tasks that this round creates, by job. */
function createdByJob(cell: CellView, builder: PlanBuilder): ReadonlyMap<string, readonly TaskRecord[]> {
  const created = new Map<string, TaskRecord[]>();
  for (const [id, task] of builder.tasks) {
    if (cell.find('task', id) !== undefined) continue;
    const ofJob = created.get(task.jobId);
    if (ofJob === undefined) created.set(task.jobId, [task]);
    else ofJob.push(task);
  }
  return created;
}

/** True if the job is of the critical tier. */
export function isCritical(job: JobRecord | undefined): boolean {
  return job !== undefined && specOfJob(job).tier === 'critical';
}
