import { type JobCluster, JobClusterNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { composeCluster } from '@berth/shared/model/submission/clusters';
import { maxAnswerBytes } from '../../gateway/core/limits.js';
import { encoded, type PendingMessage } from '../../tuning/encoding/pending-message.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import { type ByteSink, ObserveStream } from '../stream/observe-stream.js';
import {
  type ClusterNotification,
  type ClusterSnapshot,
  clusterConflation,
} from './core/cluster-notifications.js';

interface ClusterStreamOptions {
  readonly tuning: ObserveTuning;
  readonly sink: ByteSink;
  /** The clusters to begin with. */
  readonly snapshot: readonly ClusterSnapshot[];
  /** Ends the stream after the end of its cluster. */
  readonly endsWithCluster: boolean;
  readonly maxPendingBytes?: number;
  readonly maxSnapshotBytes?: number;
}

/**
 * Returns a stream of clusters: each cluster with the ids of its live jobs, then `snapshotEnd`, then
 * changes.
 */
export function clusterStream(options: ClusterStreamOptions): ObserveStream<ClusterNotification> {
  const { tuning, sink, snapshot, endsWithCluster } = options;
  return new ObserveStream({
    tuning,
    sink,
    snapshot: messagesOf(snapshot, options.maxSnapshotBytes ?? maxAnswerBytes),
    conflation: clusterConflation,
    encode: clusterNotificationBytes,
    isFinal: endsWithCluster ? ({ kind }) => kind === 'removed' : undefined,
    ...(options.maxPendingBytes === undefined ? {} : { maxPendingBytes: options.maxPendingBytes }),
  });
}

/** Returns the notification's bytes. They are not kept: subscribers that share a batch share its bursts. */
function clusterNotificationBytes(notification: ClusterNotification): Buffer {
  return encode(messageOf(notification));
}

type Message = NonNullable<JobClusterNotification['notification']>;

function messageOf(notification: ClusterNotification): Message {
  switch (notification.kind) {
    case 'definition':
      return { $case: 'jobClusterDefinitionUpdate', value: composeCluster(notification.cluster) };
    case 'jobAdded':
      return { $case: 'jobAdded', value: { jobId: notification.jobId } };
    case 'jobFinished':
      return { $case: 'jobFinished', value: { jobId: notification.jobId } };
    case 'removed':
      return { $case: 'jobClusterRemoved', value: { id: notification.clusterId } };
  }
}

function encode(notification: Message): Buffer {
  return Buffer.from(JobClusterNotification.encode({ notification }).finish());
}

/**
 * Yields each cluster with as many of its jobs as one message may hold, then its other jobs, then the
 * marker of the end.
 */
function* messagesOf(
  clusters: readonly ClusterSnapshot[],
  maxBytes: number,
): Generator<PendingMessage, void> {
  for (const { cluster, jobIds } of clusters) {
    const jobCluster: JobCluster = composeCluster(cluster);
    let bytes = 0;
    const first = jobIds.findIndex((jobId) => {
      bytes += jobId.length + 8;
      return bytes > maxBytes;
    });
    const within = first < 0 ? [...jobIds] : jobIds.slice(0, first);
    yield encoded(encode({ $case: 'jobClusterSnapshot', value: { jobCluster, jobIds: within } }));
    for (const jobId of jobIds.slice(within.length))
      yield encoded(encode({ $case: 'jobAdded', value: { jobId } }));
  }
  yield encoded(encode({ $case: 'snapshotEnd', value: {} }));
}
