/*
 * What subscribers of job clusters are told. Per cluster: its definition before its jobs, and `removed` last of all, in
 * the order of the commits.
 */
import { JobClusterDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Change, CommitChanges } from '@berth/shared/model/cell/change';
import { type ClusterView, unstoredCluster } from '@berth/shared/model/submission/clusters';
import type { Conflation } from '../../stream/core/conflation.js';
import { jobNotificationsOf } from './job-notifications.js';

/** A cluster exists, or its descriptor has changed. */
export interface ClusterDefinitionNotification {
  readonly kind: 'definition';
  readonly clusterId: string;
  readonly cluster: ClusterView;
  /** The cluster is new: nothing of it may be told before this. */
  readonly isFirst: boolean;
}

export interface ClusterJobNotification {
  readonly kind: 'jobAdded' | 'jobFinished';
  readonly clusterId: string;
  readonly jobId: string;
}

/** The last word on a cluster. */
export interface ClusterRemovedNotification {
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

/** How what a slow subscriber has not read yet may be shortened. Of what happened to jobs nothing is left out. */
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

/** What one commit did to one cluster, in the order in which it is told. */
interface ClusterChanges {
  definition?: ClusterNotification;
  readonly jobs: ClusterNotification[];
  removed?: ClusterNotification;
}

/** What subscribers are told of a commit. `view` is the cell as the commit has left it. */
export function clusterNotificationsOf(
  commit: CommitChanges,
  view: CellView,
): readonly ClusterNotification[] {
  const byCluster = new Map<string, ClusterChanges>();
  const changesOf = (id: string): ClusterChanges => {
    const news = byCluster.get(id) ?? { jobs: [] };
    byCluster.set(id, news);
    return news;
  };
  for (const change of commit.changes)
    if (change.kind === 'cluster') takeCluster(change, changesOf(change.id));
  for (const job of jobChanges(commit, view)) changesOf(job.clusterId).jobs.push(job);
  return [...byCluster.values()].flatMap(({ definition, jobs, removed }) =>
    [definition, ...jobs, removed].filter((each) => each !== undefined),
  );
}

function takeCluster({ id, before, after }: Change<'cluster'>, news: ClusterChanges): void {
  const was = before ?? unstoredCluster(id);
  const is = after ?? unstoredCluster(id);
  if (is === undefined) news.removed = { kind: 'removed', clusterId: id };
  else if (was === undefined || !isSameDescriptor(was, is)) {
    news.definition = { kind: 'definition', clusterId: id, cluster: is, isFirst: was === undefined };
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
