import type { CellView } from '@berth/shared/model/cell/cell-view';
import { isJobLive, runtimeLimitSecs } from '@berth/shared/model/job/job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { MigrationTargets } from '../placement/migration-targets.js';
import { placeQueue } from '../placement/place-queue.js';
import { PlanBuilder } from '../plan/plan-builder.js';
import type { RoundInput, RoundPlan, RoundReport } from '../plan/round-types.js';
import { findJobInCell } from '../reconcile/job-in-cell.js';
import { reconcile } from '../reconcile/reconcile.js';
import { applyReport } from '../task/apply-report.js';
import type { Limits } from '../task/limits.js';
import { judgedReport } from '../task/registry-findings.js';

/** If fewer writes than this are left, a job waits for the next round. */
const leastWritesPerJob = 50;

/**
 * Plans one round of the master: it applies the reports, reconciles each touched job, and places the queue,
 * as one plan to commit. Work beyond the limit of writes is left to the next round. The next round also
 * decides again on everything that a lost or refused commit did not change.
 */
export function planRound(input: RoundInput): RoundPlan {
  const builder = new PlanBuilder(input);
  const touched = new Set(input.jobIds);
  for (const report of input.reports) takeReport(input, report, builder, touched);
  builder.dropOrphans(input.orphanStopIds);
  const left = decideJobs(input, touched, builder);
  const placed = placeQueue(input, builder);
  return { ...parts(builder), ...placed, ...left };
}

function parts({
  tasks,
  statuses,
  agentStatuses,
  removedTaskIds,
  removedJobIds,
  removedStopIds,
  dueMs,
  placedDueMs,
  placedTaskIds,
}: PlanBuilder) {
  return {
    tasks,
    statuses,
    agentStatuses,
    removedTaskIds,
    removedJobIds,
    removedStopIds,
    dueMs,
    placedDueMs,
    placedTaskIds,
  };
}

function takeReport(
  input: RoundInput,
  { report }: RoundReport,
  builder: PlanBuilder,
  touched: Set<string>,
): void {
  const { cell, nowMs, limits } = input;
  const task = builder.task(report.taskId);
  if (task === undefined) return;
  const descriptor = cell.find('job', task.jobId)?.record.descriptor;
  const judged =
    report.fault !== 'registry'
      ? report
      : judgedReport(report, { task, descriptor, tasks: [...builder.allOf(task.jobId)] });
  const next = applyReport(task, judged, { nowMs, limits, runtimeLimitMs: runtimeLimitMs(cell, task.jobId) });
  if (next === undefined) return;
  builder.noteLaunch(task, next, judged);
  builder.put(next);
  touched.add(task.jobId);
}

function runtimeLimitMs(cell: CellView, jobId: string): number {
  const descriptor = cell.find('job', jobId)?.record.descriptor;
  return descriptor === undefined ? 0 : runtimeLimitSecs(descriptor) * 1000;
}

function decideJobs(
  input: RoundInput,
  touched: ReadonlySet<string>,
  builder: PlanBuilder,
): Pick<RoundPlan, 'leftOver' | 'hasTasksLeft'> {
  const leftOver: string[] = [];
  let hasTasksLeft = false;
  const targets = new MigrationTargets(input);
  const leastWrites = Math.min(leastWritesPerJob, input.maxWrites / 2);
  for (const jobId of touched) {
    const view = findJobInCell(input.cell, jobId, builder.tasksOf(jobId));
    if (view === undefined) continue;
    if (builder.writesLeft < leastWrites) {
      leftOver.push(jobId);
      hasTasksLeft ||= isJobLive(view.status);
      continue;
    }
    const { nowMs, patienceUntilMs, agents } = input;
    const decision = reconcile(view, {
      nowMs,
      patienceUntilMs,
      limits: limitsFor(input, jobId),
      maxWrites: builder.writesLeft,
      findCapacity: (task) => targets.find(task),
      isAwaited: (task) => agents.index.find(task.agentId)?.awaited.has(taskIdOf(task)) ?? false,
    });
    builder.takeDecision(jobId, decision);
    if (!decision.isComplete) leftOver.push(jobId);
    hasTasksLeft ||= decision.hasTasksLeft;
  }
  targets.close();
  return { leftOver, hasTasksLeft };
}

/** Returns the limits of a job: a job that must leave now has no retention. */
function limitsFor({ limits, retireNow }: RoundInput, jobId: string): Limits {
  return retireNow.has(jobId) ? { ...limits, finishedRetentionMs: Number.NEGATIVE_INFINITY } : limits;
}
