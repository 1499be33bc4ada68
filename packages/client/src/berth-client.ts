import { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type Job,
  type JobChangeNotification,
  JobClusterId,
  type JobClusterNotification,
  JobId,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors';
import { isTerminal, State } from '@berth/shared/model/task-state';
import { systemClock } from '@berth/shared/process/clock';
import { concatMap, defer, from, map, type Observable } from 'rxjs';
import { observeAllJobs, observeCell } from './cell-stream.js';
import { idOf, JobCalls, type Ref } from './job-calls.js';
import { JobModel, type JobView } from './job-view.js';
import type { CellObserveOptions, ConnectOptions, ObserveOptions } from './options.js';
import type { CellEvent } from './resume-point.js';
import { observe } from './stream.js';

/** How often, and how far apart, a finished job is read until the gateway that is asked knows its end too. */
const finalReads = { times: 20, apartMs: 250 } as const;

/**
 * Everything that a caller or subscriber needs of a cell. Connections are made when they are needed; `close()` ends them.
 * A client that will not observe can do with {@link JobCalls}, which loads faster.
 */
export class BerthClient extends JobCalls {
  /** A client of the gateways at the given address or addresses. Never fails for want of a gateway: the first call does. */
  static connect(options: ConnectOptions): BerthClient {
    return new BerthClient(options);
  }

  /**
   * The whole cell, or what is selected of it: a snapshot, `snapshotEnd`, then every commit. A lost gateway goes unnoticed:
   * the next stream goes on where the last one ended, without gap or duplicate. Where that cannot be, a `reset` tells
   * which revisions were lost, and a new snapshot follows. Does not complete.
   */
  observe(options?: CellObserveOptions): Observable<CellEvent> {
    return observeCell(this.channel, options);
  }

  /**
   * One job: its snapshot, `snapshotEnd`, then every change in commit order; completes after `jobFinished`.
   * A job that is not known is an error with code `notFound`.
   */
  observeJob(job: Ref, options?: ObserveOptions): Observable<JobChangeNotification> {
    const request = () => JobId.create({ id: idOf(job) });
    return observe(this.channel, { definition: methods.observeJob, request }, options);
  }

  /**
   * All jobs: a snapshot of each live one, `snapshotEnd`, then every change in commit order. Does not complete. With `reconnect`
   * a lost gateway goes unnoticed: the next one goes on where the last one ended, without gap or duplicate. Only where the
   * changes since then cannot be had any more all begins anew with a snapshot.
   */
  observeJobs(options: ObserveOptions = {}): Observable<JobChangeNotification> {
    if (options.reconnect) return observeAllJobs(this.channel, options);
    return observe(this.channel, { definition: methods.observeJobs, request: () => Empty.create() }, options);
  }

  /** One job cluster; completes when it is removed. */
  observeJobCluster(cluster: Ref, options?: ObserveOptions): Observable<JobClusterNotification> {
    const request = () => JobClusterId.create({ id: idOf(cluster) });
    return observe(this.channel, { definition: methods.observeJobCluster, request }, options);
  }

  /** All job clusters. Does not complete. */
  observeJobClusters(options?: ObserveOptions): Observable<JobClusterNotification> {
    return observe(
      this.channel,
      { definition: methods.observeJobClusters, request: () => Empty.create() },
      options,
    );
  }

  /**
   * The job and its tasks after each change; the last view holds the finished job, then it completes. Survives the loss
   * of a gateway, and tells no change of a task twice.
   */
  followJob(job: Ref, options: ObserveOptions = {}): Observable<JobView> {
    return defer(() => {
      const model = new JobModel();
      return this.observeJob(job, { reconnect: 'onceConnected', ...options }).pipe(
        concatMap((message) =>
          message.notification?.$case === 'jobFinished'
            ? from(this.#readEnd(idOf(job))).pipe(map((end) => model.finish(end)))
            : model.apply(message),
        ),
      );
    });
  }

  /** The job after its end. Another gateway may answer than the one that told of it, and be a moment behind. */
  async #readEnd(id: string): Promise<Job> {
    for (let reads = 1; ; reads += 1) {
      const isLast = reads >= finalReads.times;
      const job = await this.findJob(id).catch((error: unknown) => {
        // The gateway may be lost in this very moment, which those who follow a job do not have to know.
        if (isLast || !(error instanceof BerthError) || error.code !== 'unavailable') throw error;
      });
      if (job !== undefined && (isLast || isTerminal(job.jobState?.state ?? State.QUEUED))) return job;
      await systemClock.sleep(finalReads.apartMs);
    }
  }
}
