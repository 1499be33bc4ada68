import type { JobId } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { notFound } from '@berth/shared/model/errors/errors';
import { isJobLive } from '@berth/shared/model/job/job';
import { idleLimitsOf } from '@berth/shared/model/job/mantis';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Cell } from '../../gateway/cell.js';
import { findJobWithTasks, liveJobs } from '../../gateway/core/job-with-tasks.js';
import { idViolations, refuseIf } from '../../gateway/request-checks.js';
import type { ObserveTuning } from '../../tuning/observe-tuning.js';
import type { Subscriber } from '../stream/observe-hub.js';
import { runStream } from '../stream/observe-run.js';
import type { ByteSink, ObserveStream } from '../stream/observe-stream.js';
import type { JobNotification } from './core/job-notifications.js';
import { jobStream } from './job-stream.js';
import type { ObserveDeps } from './observe-deps.js';

/** Streams all live jobs and everything that happens to jobs from then on; ends only with the call. */
export function observeJobs(
  { cell, tuning, jobs, streams, silence }: ObserveDeps,
  call: CallContext,
  sink: ByteSink,
): Promise<void> {
  // A stream lives for weeks. A promise waits for its end, not an async function. From here to the stream's
  // start nothing is awaited.
  return cell.read(call).then(() => {
    const stream = wholeStream(cell, sink, tuning);
    const subscribe = (subscriber: Subscriber<JobNotification>) => jobs.subscribeAll(subscriber);
    return runStream({ method: 'ObserveJobs', call, stream, streams, subscribe, silence });
  });
}

/** This is a separate function: the promise for the stream's end must not keep its snapshot alive. */
function wholeStream(
  { pointInTimeViews }: Cell,
  sink: ByteSink,
  tuning: ObserveTuning,
): ObserveStream<JobNotification> {
  const pointInTime = pointInTimeViews.take(['job']);
  const snapshot = liveJobs(pointInTime);
  return jobStream({ tuning, sink, snapshot, onSnapshotEnd: () => pointInTime.close(), endsWithJob: false });
}

/**
 * Streams one job and its changes, and ends after the job's end. A job that has ended yields its last state
 * and its end. A Transient job goes on while such a stream is open.
 */
export async function observeJob(
  { cell, tuning, jobs, streams, heartbeats, silence }: ObserveDeps,
  { id }: JobId,
  call: CallContext,
  sink: ByteSink,
): Promise<void> {
  refuseIf(idViolations('id', id));
  const view = await cell.read(call);
  // From here to the stream's start nothing is awaited, except for an archived job, which no longer
  // changes.
  const job = findJobWithTasks(view, id) ?? (await cell.findArchivedJob(id));
  if (job === undefined) throw notFound('job', id);
  const stream = jobStream({ tuning, sink, snapshot: [job], endsWithJob: true });
  const isLive = isJobLive(job.status?.record);
  const subscribe = (subscriber: Subscriber<JobNotification>) => {
    if (isLive) return jobs.subscribeTo(id, subscriber);
    subscriber.offer([{ kind: 'finished', jobId: id }]);
    return () => {};
  };
  const counts = isLive && idleLimitsOf(job.job.record.descriptor) !== undefined;
  const leave = counts ? heartbeats.hold(id) : undefined;
  await runStream({ method: 'ObserveJob', call, stream, streams, subscribe, silence }).finally(leave);
}
