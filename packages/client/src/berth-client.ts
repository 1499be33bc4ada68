import {
  type Explanation,
  PlacementServiceService as placement,
  WatchExplainRequest,
} from '@berth/shared/gen/berth/v1/placement_service';
import {
  type DeepPartial,
  type Stage,
  StageServiceService,
  UpdateStageInstancesRequest,
  WatchStagesRequest,
} from '@berth/shared/gen/berth/v1/stage_service';
import { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type Job,
  type JobChangeNotification,
  JobClusterId,
  type JobClusterNotification,
  JobId,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { systemClock } from '@berth/shared/process/clock';
import { concatMap, defer, from, map, type Observable } from 'rxjs';
import { idOf, JobCalls, once, type Ref } from './calls/job-calls.js';
import type {
  CallOptions,
  CellObserveOptions,
  ConnectOptions,
  ObserveOptions,
  WatchStagesOptions,
} from './connection/options.js';
import { observe } from './connection/stream.js';
import { CellObservation, observeAllJobs } from './observe/cell-stream.js';
import { type FollowedJob, FollowedJobModel } from './observe/followed-job.js';
import {
  type CountBy,
  type CountOptions,
  observeTaskCounts,
  type TaskCounts,
} from './observe/task-counts.js';

/** How often, and how far apart, a finished job is read until the gateway that is asked knows its end too. */
const finalReads = { times: 20, apartMs: 250 } as const;

/**
 * Everything that a caller or subscriber needs of a cell. Connections are made when they are needed; `close()` ends them, and
 * whatever is observed over them completes.
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
   * which revisions were lost, and a new snapshot follows. Does not complete. `checkpoint()` of what is returned resolves
   * when whoever is subscribed has been told of all that was committed before: write, await it, and see your write.
   */
  observe(options?: CellObserveOptions): CellObservation {
    return new CellObservation(this.channel, options);
  }

  /**
   * How many tasks there are of each combination of these, as in `['state', 'appName']`: at once, then whenever one of the
   * numbers changes. Costs what changes, however many tasks there are. Does not complete.
   */
  observeTaskCounts(by: readonly CountBy[], options: CountOptions = {}): Observable<TaskCounts> {
    return observeTaskCounts(this.channel, by, options);
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

  /**
   * The stages of a Mantis job with their live tasks and where these are reached: each stage at once, and again whenever its
   * tasks change. Completes when the job has ended. Survives the loss of a gateway with `reconnect`.
   */
  watchStages(job: Ref, options: WatchStagesOptions = {}): Observable<Stage> {
    const { stage = 0, neighboursOf = 0, ...rest } = options;
    const request = () => WatchStagesRequest.create({ jobId: idOf(job), stage, neighboursOf });
    return observe(this.channel, { definition: StageServiceService.watchStages, request }, rest).pipe(
      concatMap((message) => (message.stage === undefined ? [] : [message.stage])),
    );
  }

  /** Sets how many tasks one stage of a Mantis job wants; what is left unset stays. */
  async updateStageInstances(
    update: DeepPartial<UpdateStageInstancesRequest>,
    options?: CallOptions,
  ): Promise<void> {
    const request = UpdateStageInstancesRequest.fromPartial(update);
    await this.channel.call(once(StageServiceService.updateStageInstances), request, options);
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
   * Why the task waits, and again whenever that changes; completes when it waits no more. The first explanation after a
   * lost gateway may repeat the last one.
   */
  watchExplain(task: Ref, options?: ObserveOptions): Observable<Explanation> {
    const request = () => WatchExplainRequest.create({ taskId: idOf(task) });
    const answers = observe(this.channel, { definition: placement.watchExplain, request }, options);
    return answers.pipe(concatMap(({ explanation }) => (explanation === undefined ? [] : [explanation])));
  }

  /**
   * The job and its tasks after each change; the last view holds the finished job, then it completes. Survives the loss
   * of a gateway, and tells no change of a task twice.
   */
  followJob(job: Ref, options: ObserveOptions = {}): Observable<FollowedJob> {
    return defer(() => {
      const model = new FollowedJobModel();
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
