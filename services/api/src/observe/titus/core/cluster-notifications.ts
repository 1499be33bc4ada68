/*
 * The notifications for subscribers of job clusters. For each cluster its definition comes before its jobs,
 * and `removed` comes last, in the order of the commits.
 */
import { JobClusterDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Change, CommitChanges } from '@berth/shared/model/cell/change';
import { type ClusterView, unstoredCluster } from '@berth/shared/model/submission/clusters';
import type { Conflation } from '../../stream/core/conflation.js';
import { jobNotificationsOf } from './job-notifications.js';

/** A cluster exists, or its descriptor has changed. */
interface ClusterDefinitionNotification {
  readonly kind: 'definition';
  readonly clusterId: string;
  readonly cluster: ClusterView;
  /** True if the cluster is new. No other notification about it may precede this one. */
  readonly isFirst: boolean;
}

interface ClusterJobNotification {
  readonly kind: 'jobAdded' | 'jobFinished';
  readonly clusterId: string;
  readonly jobId: string;
}

/** The cluster was removed. It is the last notification about it. */
interface ClusterRemovedNotification {
  readonly kind: 'removed';
  readonly clusterId: string;
}

export type ClusterNotification =
  | ClusterDefinitionNotification
  | ClusterJobNotification
  | ClusterRemovedNotification;

/** A cluster as a subscriber first sees it, with the ids of its live jobs. */
export interface ClusterSnapshot {
  readonly cluster: ClusterView;
  readonly jobIds: readonly string[];
}

/** Shortens the queue of a slow subscriber. It keeps all notifications about jobs. */
export const clusterConflation: Conflation<ClusterNotification> = {
  subjectOf: (notification) => {
    switch (notification.kind) {
      case 'jobAdded':
      case 'jobFinished':
        return `${notification.kind}/${notification.jobId}`;
      default:
        return `${notification.kind}/${notification.clusterId}`;
    }
  },
  isOpening: (notification) => notification.kind === 'definition' && notification.isFirst,
  closes: ({ kind, clusterId }) => (kind === 'removed' ? `definition/${clusterId}` : undefined),
  sizeOf: (notification) =>
    notification.kind === 'definition' ? sizeOfCluster(notification.cluster) : notification.clusterId.length,
};

function sizeOfCluster({ record }: ClusterView): number {
  return descriptorBytes(record.descriptor).length;
}

/** The changes of one cluster by one commit, in the order of their sending. */
interface ClusterChanges {
  definition?: ClusterNotification;
  readonly jobs: ClusterNotification[];
  removed?: ClusterNotification;
}

/** Returns the notifications of a commit. `view` is the cell just after the commit. */
export function clusterNotificationsOf(
  commit: CommitChanges,
  view: CellView,
): readonly ClusterNotification[] {
  const byCluster = new Map<string, ClusterChanges>();
  const changesOf = (id: string): ClusterChanges => {
    const changes = byCluster.get(id) ?? { jobs: [] };
    byCluster.set(id, changes);
    return changes;
  };
  for (const change of commit.changes)
    if (change.kind === 'cluster') takeCluster(change, changesOf(change.id));
  for (const job of jobChanges(commit, view)) changesOf(job.clusterId).jobs.push(job);
  return [...byCluster.values()].flatMap(({ definition, jobs, removed }) =>
    [definition, ...jobs, removed].filter((each) => each !== undefined),
  );
}

function takeCluster({ id, before, after }: Change<'cluster'>, changes: ClusterChanges): void {
  const was = before ?? unstoredCluster(id);
  const is = after ?? unstoredCluster(id);
  if (is === undefined) changes.removed = { kind: 'removed', clusterId: id };
  else if (was === undefined || !isSameDescriptor(was, is)) {
    changes.definition = { kind: 'definition', clusterId: id, cluster: is, isFirst: was === undefined };
  }
}

function isSameDescriptor(a: ClusterView, b: ClusterView): boolean {
  return Buffer.compare(descriptorBytes(a.record.descriptor), descriptorBytes(b.record.descriptor)) === 0;
}

function descriptorBytes(descriptor: JobClusterDescriptor | undefined): Uint8Array {
  return descriptor === undefined ? new Uint8Array() : JobClusterDescriptor.encode(descriptor).finish();
}

/** When a job begins and ends is for the notifications of jobs to say. */
function jobChanges(commit: CommitChanges, view: CellView): readonly ClusterJobNotification[] {
  const changes = commit.changes.filter(({ kind }) => kind === 'job' || kind === 'jobStatus');
  if (changes.length === 0) return [];
  const clusterOfJob = (jobId: string): string => {
    const gone = changes.find((change) => change.kind === 'job' && change.id === jobId)?.before;
    const job = view.find('job', jobId) ?? (gone?.kind === 'job' ? gone : undefined);
    return job?.record.clusterId ?? '';
  };
  return jobNotificationsOf({ ...commit, changes }, view).flatMap(
    (notification): ClusterJobNotification[] => {
      const { jobId } = notification;
      if (notification.kind === 'definition' && notification.isFirst)
        return [{ kind: 'jobAdded', clusterId: clusterOfJob(jobId), jobId }];
      return notification.kind === 'finished'
        ? [{ kind: 'jobFinished', clusterId: clusterOfJob(jobId), jobId }]
        : [];
    },
  );
}
