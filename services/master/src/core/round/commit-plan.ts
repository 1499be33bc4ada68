import type { ClusterRunsRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { defaultClusterId, isJobLive, jobClaims } from '@berth/shared/model/job/job';
import type { ArchiveWrite, CommitRequest, Release, Write } from '@berth/store';
import type { RoundPlan } from '../plan/round-types.js';
import type { Limits } from '../task/limits.js';
import { planAssignments } from './assignments.js';
import { endedRunOf, standardKeptRuns, withEndedRun } from './ended-runs.js';

/** Returns the plan as one commit: its writes, the assignments of agents, and the archive. */
export function commitOf(cell: CellView, plan: RoundPlan, limits: Limits): Omit<CommitRequest, 'actor'> {
  return {
    writes: [
      ...taskWrites(plan.tasks),
      ...statusWrites(plan),
      ...agentWrites(cell, plan),
      ...removals(cell, plan),
      ...runWrites(cell, plan, limits),
    ],
    assignments: planAssignments(cell, plan.tasks, limits),
    archive: archiveWrites(cell, plan, limits),
    releaseClaims: releasedClaims(cell, plan),
  };
}

/** True if the plan changes nothing. */
export function isEmptyPlan({
  tasks,
  statuses,
  agentStatuses,
  removedTaskIds,
  removedJobIds,
  removedStopIds,
}: RoundPlan): boolean {
  return (
    tasks.size +
      statuses.size +
      agentStatuses.size +
      removedTaskIds.length +
      removedJobIds.length +
      removedStopIds.length ===
    0
  );
}

function taskWrites(tasks: ReadonlyMap<string, TaskRecord>): readonly Write[] {
  return [...tasks].map(([id, record]) => ({ kind: 'task', id, record }));
}

function statusWrites({ statuses, removedJobIds }: RoundPlan): readonly Write[] {
  const leaving = new Set(removedJobIds);
  return [...statuses].flatMap(([id, record]) =>
    leaving.has(id) ? [] : [{ kind: 'jobStatus', id, record }],
  );
}

/** The loop that judges heartbeats writes the same records. So each write has a precondition. */
function agentWrites(cell: CellView, { agentStatuses }: RoundPlan): readonly Write[] {
  return [...agentStatuses].map(([id, record]) => ({
    kind: 'agentStatus',
    id,
    record,
    expectedRevision: cell.find('agentStatus', id)?.revision ?? 0,
  }));
}

function removals(
  cell: CellView,
  { removedTaskIds, removedStopIds, removedJobIds }: RoundPlan,
): readonly Write[] {
  return [
    ...removedTaskIds.map((id): Write => ({ kind: 'task', id })),
    ...removedStopIds.map((id): Write => ({ kind: 'taskStop', id })),
    ...removedJobIds.flatMap((id): Write[] => [
      { kind: 'job', id },
      { kind: 'jobStatus', id },
      ...(cell.find('jobScaling', id) === undefined ? [] : [{ kind: 'jobScaling', id } as const]),
    ]),
  ];
}

/** The end of each job that leaves stays with its cluster. Jobs of the built-in cluster are no runs. */
function runWrites(cell: CellView, { removedJobIds }: RoundPlan, { keptRuns }: Limits): readonly Write[] {
  const records = new Map<string, ClusterRunsRecord>();
  for (const id of removedJobIds) {
    const [job, status] = [cell.find('job', id)?.record, cell.find('jobStatus', id)?.record];
    const clusterId = job?.clusterId ?? defaultClusterId;
    if (job === undefined || status === undefined || clusterId === defaultClusterId) continue;
    if (cell.find('cluster', clusterId) === undefined) continue;
    const { runs = [] } = records.get(clusterId) ?? cell.find('clusterRuns', clusterId)?.record ?? {};
    const run = endedRunOf(
      job,
      status,
      cell.tasksOf(id).map(({ record }) => record),
    );
    records.set(clusterId, { clusterId, runs: withEndedRun(runs, run, keptRuns ?? standardKeptRuns) });
  }
  return [...records].map(([id, record]) => ({ kind: 'clusterRuns', id, record }));
}

/** Returns the names that jobs give back because they end with this plan. */
function releasedClaims(cell: CellView, { statuses }: RoundPlan): readonly Release[] {
  return [...statuses].flatMap(([owner, status]) => {
    const job = cell.find('job', owner)?.record;
    return job === undefined || isJobLive(status) ? [] : jobClaims(job).map((name) => ({ name, owner }));
  });
}

function archiveWrites(cell: CellView, plan: RoundPlan, limits: Limits): readonly ArchiveWrite[] {
  const byJob = new Map<string, Record<string, Uint8Array>>();
  const put = (jobId: string, field: string, bytes: Uint8Array | undefined) => {
    if (bytes === undefined) return;
    const fields = byJob.get(jobId) ?? {};
    byJob.set(jobId, fields);
    fields[field] = bytes;
  };
  for (const id of plan.removedTaskIds) {
    const task = cell.find('task', id);
    if (task !== undefined) put(task.record.jobId, `task/${id}`, task.bytes);
  }
  for (const id of plan.removedJobIds) {
    put(id, 'job', cell.find('job', id)?.bytes);
    put(id, 'jobStatus', cell.find('jobStatus', id)?.bytes);
  }
  return [...byJob].map(([jobId, fields]) => ({ jobId, fields, ttlMs: limits.archiveTtlMs }));
}
