import type { Entity } from '@berth/shared/model/cell/entity';
import { jobClaims } from '@berth/shared/model/job/job';
import { typeReleases } from '@berth/shared/model/job/mantis';
import { clusterLimits } from '@berth/shared/model/schedule/cluster-limits';
import type { ClusterView } from '@berth/shared/model/submission/clusters';
import type { CommitRequest, Write } from '@berth/store';
import { type ClusterDecision, keepNewestRuns } from './schedule.js';

/** True if the decision changes nothing. */
export function isEmptyDecision({ runs, jobs, kills, setBack }: ClusterDecision): boolean {
  return runs.length + jobs.length + kills.length === 0 && setBack === undefined;
}

/** Jobs that one commit sets back; the others follow. */
const maxSetBack = 200;

/**
 * Returns the decision as one commit. It applies only to the cluster and the history that it was made on: of
 * two masters that decide on the same run, one writes it.
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
        ({ job: { id, record, revision }, stop }): Write => ({
          kind: 'job',
          id,
          record: { ...record, kill: stop },
          expectedRevision: revision,
        }),
      ),
      ...setBackWrites(decision),
    ],
    expects: [{ kind: 'cluster', id: cluster.id, revision: cluster.revision }],
    claims: decision.jobs.flatMap((job) => jobClaims(job).map((name) => ({ name, owner: job.id }))),
    // A job that is ending gives its type back, so that a new job of the type can start.
    releaseClaims: decision.kills.flatMap(({ job }) => typeReleases(job.record)),
  };
}

function statusWrite(
  { id, record }: ClusterView,
  status: Entity<'clusterStatus'> | undefined,
  { runs, firedThroughMs, setBack }: ClusterDecision,
): readonly Write[] {
  if (runs.length === 0 && setBack?.status === undefined) return [];
  const { fires: before = [], setBacks } = setBack?.status ?? status?.record ?? {};
  const fires = keepNewestRuns(before, runs, clusterLimits(record).min);
  return [
    {
      kind: 'clusterStatus',
      id,
      record: { clusterId: id, firedThroughMs, fires, setBacks },
      expectedRevision: status?.revision ?? 0,
    },
  ];
}

/** A job that is to end is written by its order to stop. */
function setBackWrites({ setBack, kills }: ClusterDecision): readonly Write[] {
  const killed = new Set(kills.map(({ job }) => job.id));
  const others = (setBack?.jobs ?? []).filter(({ id }) => !killed.has(id)).slice(0, maxSetBack);
  return others.map(({ id, record, revision }) => ({ kind: 'job', id, record, expectedRevision: revision }));
}
