import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import { closing } from '../../gateway/views/point-in-time-view.js';
import { encoded, type PendingMessage } from '../../tuning/encoding/pending-message.js';
import { type ByteSink, maxSnapshotBytes, ObserveStream } from '../stream/observe-stream.js';
import { type JobNotification, jobConflation, splitTasks } from './core/job-notifications.js';
import { notificationBytes, snapshotEndBytes, snapshotMessage } from './notification-encoding.js';

export interface JobStreamOptions {
  readonly sink: ByteSink;
  /** The jobs to begin with, taken as they are sent. */
  readonly snapshot: Iterable<JobWithTasks>;
  /** Called once the snapshot is no longer needed. */
  readonly onSnapshotEnd?: () => void;
  /** Ends the stream after the end of its job. */
  readonly endsWithJob: boolean;
  readonly maxPendingBytes?: number;
  readonly maxSnapshotBytes?: number;
}

/** A stream of jobs: each with its tasks, `snapshotEnd`, then what happens to them. */
export function jobStream(options: JobStreamOptions): ObserveStream<JobNotification> {
  const { sink, snapshot, endsWithJob } = options;
  return new ObserveStream({
    sink,
    snapshot: closing(jobMessages(snapshot, options.maxSnapshotBytes), options.onSnapshotEnd ?? (() => {})),
    conflation: jobConflation,
    encode: notificationBytes,
    isFinal: endsWithJob ? ({ kind }) => kind === 'finished' : undefined,
    ...(options.maxPendingBytes === undefined ? {} : { maxPendingBytes: options.maxPendingBytes }),
  });
}

/** Each job with its tasks, and the mark that they were all. */
export function* jobMessages(
  jobs: Iterable<JobWithTasks>,
  maxBytes: number = maxSnapshotBytes,
): Generator<PendingMessage, void> {
  for (const view of jobs) {
    const { within, following } = splitTasks(view, maxBytes);
    yield snapshotMessage(view, within);
    for (const task of following)
      yield encoded(notificationBytes({ kind: 'task', jobId: view.job.id, task }));
  }
  yield encoded(snapshotEndBytes);
}
