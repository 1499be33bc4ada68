import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import { maxAnswerBytes } from '../../gateway/core/limits.js';
import { encoded, type PendingMessage } from '../../tuning/encoding/pending-message.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import { closing } from '../snapshot/initial-messages.js';
import { type ByteSink, ObserveStream } from '../stream/observe-stream.js';
import { type JobNotification, jobConflation, splitTasks } from './core/job-notifications.js';
import { jobPacking, snapshotEndBytes } from './notification-encoding.js';

export interface JobStreamOptions {
  readonly tuning: ObserveTuning;
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

/** Returns a stream of jobs: each job with its tasks, then `snapshotEnd`, then changes. */
export function jobStream(options: JobStreamOptions): ObserveStream<JobNotification> {
  const { tuning, sink, snapshot, endsWithJob } = options;
  return new ObserveStream({
    tuning,
    sink,
    snapshot: closing(
      jobMessages(snapshot, tuning, options.maxSnapshotBytes),
      options.onSnapshotEnd ?? (() => {}),
    ),
    conflation: jobConflation,
    encode: jobPacking(tuning.jobs),
    isFinal: endsWithJob ? ({ kind }) => kind === 'finished' : undefined,
    ...(options.maxPendingBytes === undefined ? {} : { maxPendingBytes: options.maxPendingBytes }),
  });
}

/** Each job with its tasks, and the mark that they were all. */
export function* jobMessages(
  jobs: Iterable<JobWithTasks>,
  { jobs: encoder }: Pick<ObserveTuning, 'jobs'>,
  maxBytes: number = maxAnswerBytes,
): Generator<PendingMessage, void> {
  for (const view of jobs) {
    const { within, following } = splitTasks(view, maxBytes);
    yield encoder.snapshot(view, within);
    for (const task of following) yield encoded(encoder.task(task));
  }
  yield encoded(snapshotEndBytes);
}
