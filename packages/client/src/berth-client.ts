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
import { concatMap, defer, filter, from, map, type Observable } from 'rxjs';
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

/** Limits the reads of a finished job: the gateway that answers may learn of the end a moment later. */
const finalReads = { times: 20, apartMs: 250 } as const;

/**
 * The whole interface of a cell for callers and subscribers. A connection is made when the first call needs
 * it. `close()` ends all connections, and every stream over them completes. A program that observes nothing
 * can use {@link JobCalls}, which loads faster.
 */
export class BerthClient extends JobCalls {
  /** Returns a client of these gateways. It never fails for want of a gateway: the first call does. */
  static connect(options: ConnectOptions): BerthClient {
    return new BerthClient(options);
  }

  /**
   * Observes the whole cell, or a selection of it: a snapshot, `snapshotEnd`, then every commit. A lost
   * gateway goes unnoticed: the next stream resumes at the end of the last one, without gap or duplicate. If
   * the cell no longer has the changes in between, a `reset` names the lost revisions, and a new snapshot
   * follows. The stream does not complete. Its `checkpoint()` resolves when all current subscribers have
   * received every commit that came before the call. So a caller can write, await the checkpoint, and then
   * see its own write.
   */
  observe(options?: CellObserveOptions): CellObservation {
    return new CellObservation(this.channel, options);
  }

  /**
   * Counts the tasks for each combination of the given fields, such as `['state', 'appName']`. The counts
   * come at once, and again after each change of a number. The cost depends on the changes, not on the number
   * of tasks. The stream does not complete.
   */
  observeTaskCounts(by: readonly CountBy[], options: CountOptions = {}): Observable<TaskCounts> {
    return observeTaskCounts(this.channel, by, options);
  }

  /**
   * Observes one job: its snapshot, `snapshotEnd`, then every change in commit order. It completes after
   * `jobFinished`. An unknown job is an error with code `notFound`.
   */
  observeJob(job: Ref, options?: ObserveOptions): Observable<JobChangeNotification> {
    const request = () => JobId.create({ id: idOf(job) });
    return withContent(observe(this.channel, { definition: methods.observeJob, request }, options));
  }

  /**
   * Observes all jobs: a snapshot of each live job, `snapshotEnd`, then every change in commit order. It does
   * not complete. With `reconnect`, a lost gateway goes unnoticed: the next stream resumes at the end of the
   * last one, without gap or duplicate. If the cell no longer has the changes in between, a new snapshot
   * follows.
   */
  observeJobs(options: ObserveOptions = {}): Observable<JobChangeNotification> {
    if (options.reconnect) return observeAllJobs(this.channel, options);
    const request = () => Empty.create();
    return withContent(observe(this.channel, { definition: methods.observeJobs, request }, options));
  }

  /**
   * Observes the stages of a Mantis job, with their live tasks and the addresses of these. Each stage comes
   * at once, and again after each change of its tasks. The stream completes when the job has ended. With
   * `reconnect` it survives the loss of a gateway.
   */
  watchStages(job: Ref, options: WatchStagesOptions = {}): Observable<Stage> {
    const { stage = 0, neighboursOf = 0, ...rest } = options;
    const request = () => WatchStagesRequest.create({ jobId: idOf(job), stage, neighboursOf });
    return observe(this.channel, { definition: StageServiceService.watchStages, request }, rest).pipe(
      concatMap((message) => (message.stage === undefined ? [] : [message.stage])),
    );
  }

  /** Sets the number of tasks of one stage of a Mantis job. Fields that are not set stay as they are. */
  async updateStageInstances(
    update: DeepPartial<UpdateStageInstancesRequest>,
    options?: CallOptions,
  ): Promise<void> {
    const request = UpdateStageInstancesRequest.fromPartial(update);
    await this.channel.call(once(StageServiceService.updateStageInstances), request, options);
  }

  /** Observes one job cluster; completes when the cluster is removed. */
  observeJobCluster(cluster: Ref, options?: ObserveOptions): Observable<JobClusterNotification> {
    const request = () => JobClusterId.create({ id: idOf(cluster) });
    return withContent(observe(this.channel, { definition: methods.observeJobCluster, request }, options));
  }

  /** Observes all job clusters. It does not complete. */
  observeJobClusters(options?: ObserveOptions): Observable<JobClusterNotification> {
    const request = () => Empty.create();
    return withContent(observe(this.channel, { definition: methods.observeJobClusters, request }, options));
  }

  /**
   * Explains why the task waits, at once and after each change. It completes when the task waits no more.
   * After the loss of a gateway the last explanation may come twice.
   */
  watchExplain(task: Ref, options?: ObserveOptions): Observable<Explanation> {
    const request = () => WatchExplainRequest.create({ taskId: idOf(task) });
    const answers = observe(this.channel, { definition: placement.watchExplain, request }, options);
    return answers.pipe(concatMap(({ explanation }) => (explanation === undefined ? [] : [explanation])));
  }

  /**
   * Follows one job: emits the job and its tasks after each change. The last view holds the finished job;
   * then the stream completes. It survives the loss of a gateway, and repeats no change of a task.
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

  /** Reads the job after its end. The gateway that answers may be behind the one that reported the end. */
  async #readEnd(id: string): Promise<Job> {
    for (let reads = 1; ; reads += 1) {
      const isLast = reads >= finalReads.times;
      const job = await this.findJob(id).catch((error: unknown) => {
        // The gateway can fail at this moment. Followers of a job need not notice that.
        if (isLast || !(error instanceof BerthError) || error.code !== 'unavailable') throw error;
      });
      if (job !== undefined && (isLast || isTerminal(job.jobState?.state ?? State.QUEUED))) return job;
      await this.channel.clock.sleep(finalReads.apartMs);
    }
  }
}

/** Leaves out the empty notifications that keep a stream from being silent. */
function withContent<T extends { readonly notification?: unknown }>(messages: Observable<T>): Observable<T> {
  return messages.pipe(filter(({ notification }) => notification !== undefined));
}
