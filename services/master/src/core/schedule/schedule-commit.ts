import type { Entity } from '@berth/shared/model/cell/entity';
import { jobClaims } from '@berth/shared/model/job/job';
import { typeReleases } from '@berth/shared/model/job/mantis';
import { clusterLimits } from '@berth/shared/model/schedule/cluster-limits';
import type { ClusterView } from '@berth/shared/model/submission/clusters';
import type { CommitRequest, Write } from '@berth/store';
import { type ClusterDecision, rememberFires } from './schedule.js';

/** Whether committing it would do nothing. */
export function isEmptyDecision({ fires, jobs, kills }: ClusterDecision): boolean {
  return fires.length + jobs.length + kills.length === 0;
}

/**
 * The decision as one commit. It applies only to the cluster and the history that it was made on: of two masters that decide
 * on the same fire, one writes it.
 */
export function commitOfDecision(
  cluster: ClusterView,
  status: Entity<'clusterStatus'> | undefined,
  decision: ClusterDecision,
): Pick<CommitRequest, 'writes' | 'expects' | 'claims' | 'releaseClaims'> {
  return {
    writes: [
      ...statusWrite(cluster, status, decision),
      ...decision.jobs.map((record): Write => ({ kind: 'job', id: record.id, record, expectedRevision: 0 })),
      ...decision.kills.map(
        ({ job: { id, record, revision }, wish }): Write => ({
          kind: 'job',
          id,
          record: { ...record, kill: wish },
          expectedRevision: revision,
        }),
      ),
    ],
    expects: [{ kind: 'cluster', id: cluster.id, revision: cluster.revision }],
    claims: decision.jobs.flatMap((job) => jobClaims(job).map((name) => ({ name, owner: job.id }))),
    // A job that is ending is none that a new one of its type would be.
    releaseClaims: decision.kills.flatMap(({ job }) => typeReleases(job.record)),
  };
}

function statusWrite(
  { id, record }: ClusterView,
  status: Entity<'clusterStatus'> | undefined,
  { fires, firedThroughMs }: ClusterDecision,
): readonly Write[] {
  if (fires.length === 0) return [];
  const remembered = rememberFires(status?.record.fires ?? [], fires, clusterLimits(record).min);
  return [
    {
      kind: 'clusterStatus',
      id,
      record: { clusterId: id, firedThroughMs, fires: remembered },
      expectedRevision: status?.revision ?? 0,
    },
  ];
}
