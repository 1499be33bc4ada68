import type { JobClusterId } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { notFound } from '@berth/shared/model/errors/errors';
import { allClusters, clusterOf } from '@berth/shared/model/submission/clusters';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import { idViolations, refuseIf } from '../../gateway/request-checks.js';
import type { Subscriber } from '../stream/observe-hub.js';
import { runStream } from '../stream/observe-run.js';
import type { ByteSink } from '../stream/observe-stream.js';
import { clusterStream } from './cluster-stream.js';
import type { ClusterNotification } from './core/cluster-notifications.js';
import type { ObserveDeps } from './observe-deps.js';

/** Streams all clusters with their live jobs, then all changes of them. It ends only with the call. */
export async function observeJobClusters(
  { cell, tuning, clusters, streams, silence }: ObserveDeps,
  call: CallContext,
  sink: ByteSink,
): Promise<void> {
  // From here to the stream's start nothing is awaited.
  const view = await cell.read(call);
  const snapshot = allClusters(view).map((cluster) => ({
    cluster,
    jobIds: cell.index.liveJobsOf(cluster.id),
  }));
  const stream = clusterStream({ tuning, sink, snapshot, endsWithCluster: false });
  const subscribe = (subscriber: Subscriber<ClusterNotification>) => clusters.subscribeAll(subscriber);
  await runStream({ method: 'ObserveJobClusters', call, stream, streams, subscribe, silence });
}

/** Streams one cluster with its live jobs, then their changes. It ends after the cluster's removal. */
export async function observeJobCluster(
  { cell, tuning, clusters, streams, silence }: ObserveDeps,
  { id }: JobClusterId,
  call: CallContext,
  sink: ByteSink,
): Promise<void> {
  refuseIf(idViolations('id', id));
  const cluster = clusterOf(await cell.read(call), id);
  if (cluster === undefined) throw notFound('job cluster', id);
  const snapshot = [{ cluster, jobIds: cell.index.liveJobsOf(id) }];
  const stream = clusterStream({ tuning, sink, snapshot, endsWithCluster: true });
  const subscribe = (subscriber: Subscriber<ClusterNotification>) => clusters.subscribeTo(id, subscriber);
  await runStream({ method: 'ObserveJobCluster', call, stream, streams, subscribe, silence });
}
