import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type DeepPartial,
  type Job,
  JobCluster,
  JobClusterDescriptor,
  JobClusterId,
  JobClusterQuery,
  type JobClusterQueryResult,
  JobClusterStatusUpdate,
  JobDescriptor,
  JobId,
  JobIds,
  JobInstancesUpdate,
  JobQuery,
  type JobQueryResult,
  JobStatusUpdate,
  JobManagementServiceService as methods,
  type Task,
  TaskId,
  TaskIds,
  TaskQuery,
  type TaskQueryResult,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Random } from '@berth/shared/process/random';
import { Metadata, type MethodDefinition } from '@grpc/grpc-js';
import { Channel, type UnaryMethod } from '../connection/channel.js';
import type {
  CallOptions,
  ConnectOptions,
  CreateOptions,
  InstancesOptions,
  Paged,
  PageOptions,
} from '../connection/options.js';

/** Metadata of a query, and trailer of its answer: the beginning of the next page. */
const cursorKey = 'berth-cursor';

/** Trailer of an answer that leaves out tasks: their number. */
const omittedTasksKey = 'berth-tasks-omitted';

/** Selected fields of jobs that begin so are fields of their tasks. */
const tasksPrefix = 'tasks.';

/** A page of tasks ends early if one answer does not hold it. */
const tasksPerPage = 5_000;

interface AnsweredPage<Res> {
  readonly page: Paged<Res>;
  readonly trailers: Metadata;
}

/** An entity's id, or the message that holds it. */
export type Ref = string | { readonly id: string };

/**
 * The unary calls of JobManagementService. Each call rejects with BerthError; if the request is wrong,
 * `violations` names every wrong field. If a gateway does not answer, the client repeats the calls that are
 * safe to repeat: all Find calls, the kills, and creations (see {@link CreateOptions}). A client reads its
 * own writes at any gateway.
 */
export class JobCalls {
  protected readonly channel: Channel;

  constructor(options: ConnectOptions) {
    this.channel = new Channel(options);
  }

  createJob(descriptor: DeepPartial<JobDescriptor>, options?: CreateOptions): Promise<JobId> {
    const request = JobDescriptor.fromPartial(descriptor);
    return this.channel.call(
      repeatable(methods.createJob),
      request,
      withIdempotencyKey(this.channel.random, options),
    );
  }

  /** Returns the job with all of its tasks. Tasks beyond the size of one answer are read page by page. */
  async findJob(ref: Ref, options?: CallOptions): Promise<Job> {
    const request = JobId.create({ id: idOf(ref) });
    const { response: job, trailers } = await this.channel.ask(repeatable(methods.findJob), request, options);
    if (!leavesOutTasks(trailers)) return job;
    const cursor = trailers.get(cursorKey)[0]?.toString();
    const rest = await this.#tasksAfter({ jobId: job.id }, cursor, options);
    return { ...job, tasks: [...(cursor === undefined ? [] : job.tasks), ...rest] };
  }

  /**
   * Returns one page of jobs with all of their tasks. A page may hold fewer jobs than asked for: `nextCursor`
   * says if more follow.
   */
  async findJobs(
    query: DeepPartial<JobQuery> = {},
    options: PageOptions = {},
  ): Promise<Paged<JobQueryResult>> {
    const request = JobQuery.fromPartial(query);
    const { page, trailers } = await this.#askPage(methods.findJobs, request, options);
    const [job] = page.items;
    // Such a job is alone on its page.
    if (!leavesOutTasks(trailers) || job === undefined) return page;
    const fields = request.fields
      .filter((field) => field.startsWith(tasksPrefix))
      .map((field) => field.slice(tasksPrefix.length));
    const { cursor: _, ...callOptions } = options;
    const tasks = await this.#tasksAfter({ jobId: job.id, fields }, undefined, callOptions);
    return { ...page, items: [{ ...job, tasks }] };
  }

  updateJobInstances(update: DeepPartial<JobInstancesUpdate>, options: InstancesOptions = {}): Promise<void> {
    const request = JobInstancesUpdate.fromPartial(update);
    const { stage } = options;
    const all = stage === undefined ? options : withMetadata(options, 'berth.stage', stage);
    return this.#order(once(methods.updateJobInstances), request, all);
  }

  updateJobStatus(update: DeepPartial<JobStatusUpdate>, options?: CallOptions): Promise<void> {
    return this.#order(once(methods.updateJobStatus), JobStatusUpdate.fromPartial(update), options);
  }

  killJob(job: Ref, options?: CallOptions): Promise<void> {
    return this.#order(repeatable(methods.killJob), JobId.create({ id: idOf(job) }), options);
  }

  killJobs(jobs: readonly Ref[], options?: CallOptions): Promise<void> {
    return this.#order(repeatable(methods.killJobs), JobIds.create({ id: jobs.map(idOf) }), options);
  }

  findTask(task: Ref, options?: CallOptions): Promise<Task> {
    return this.channel.call(repeatable(methods.findTask), TaskId.create({ id: idOf(task) }), options);
  }

  findTasks(query: DeepPartial<TaskQuery> = {}, options?: PageOptions): Promise<Paged<TaskQueryResult>> {
    return this.#page(methods.findTasks, TaskQuery.fromPartial(query), options);
  }

  killTask(task: Ref, options?: CallOptions): Promise<void> {
    return this.#order(repeatable(methods.killTask), TaskId.create({ id: idOf(task) }), options);
  }

  killTasks(tasks: readonly Ref[], options?: CallOptions): Promise<void> {
    return this.#order(repeatable(methods.killTasks), TaskIds.create({ id: tasks.map(idOf) }), options);
  }

  createJobCluster(
    descriptor: DeepPartial<JobClusterDescriptor>,
    options?: CreateOptions,
  ): Promise<JobClusterId> {
    const request = JobClusterDescriptor.fromPartial(descriptor);
    return this.channel.call(
      repeatable(methods.createJobCluster),
      request,
      withIdempotencyKey(this.channel.random, options),
    );
  }

  updateJobCluster(cluster: DeepPartial<JobCluster>, options?: CallOptions): Promise<void> {
    return this.#order(once(methods.updateJobCluster), JobCluster.fromPartial(cluster), options);
  }

  removeJobCluster(cluster: Ref, options?: CallOptions): Promise<void> {
    return this.#order(once(methods.removeJobCluster), JobClusterId.create({ id: idOf(cluster) }), options);
  }

  findJobCluster(cluster: Ref, options?: CallOptions): Promise<JobCluster> {
    const request = JobClusterId.create({ id: idOf(cluster) });
    return this.channel.call(repeatable(methods.findJobCluster), request, options);
  }

  findJobClusters(
    query: DeepPartial<JobClusterQuery> = {},
    options?: PageOptions,
  ): Promise<Paged<JobClusterQueryResult>> {
    return this.#page(methods.findJobClusters, JobClusterQuery.fromPartial(query), options);
  }

  updateJobClusterStatus(update: DeepPartial<JobClusterStatusUpdate>, options?: CallOptions): Promise<void> {
    return this.#order(
      once(methods.updateJobClusterStatus),
      JobClusterStatusUpdate.fromPartial(update),
      options,
    );
  }

  /** Closes the connections. Streams that are still open end with an error. */
  close(): void {
    this.channel.close();
  }

  async #page<Req, Res extends object>(
    method: MethodDefinition<Req, Res>,
    request: Req,
    options?: PageOptions,
  ): Promise<Paged<Res>> {
    return (await this.#askPage(method, request, options)).page;
  }

  async #askPage<Req, Res extends object>(
    method: MethodDefinition<Req, Res>,
    request: Req,
    { cursor, ...options }: PageOptions = {},
  ): Promise<AnsweredPage<Res>> {
    const all = cursor === undefined ? options : withMetadata(options, cursorKey, cursor);
    const { response, trailers } = await this.channel.ask(repeatable(method), request, all);
    const nextCursor = trailers.get(cursorKey)[0]?.toString();
    return { page: nextCursor === undefined ? response : { ...response, nextCursor }, trailers };
  }

  /** Returns the tasks after the cursor, or all of them, over as many pages as they need. */
  async #tasksAfter(
    query: DeepPartial<TaskQuery>,
    after: string | undefined,
    options: CallOptions = {},
  ): Promise<Task[]> {
    const tasks: Task[] = [];
    let cursor = after;
    do {
      const page = { pageSize: tasksPerPage };
      const at = cursor === undefined ? options : { ...options, cursor };
      const { items, nextCursor } = await this.findTasks({ ...query, page }, at);
      tasks.push(...items);
      cursor = nextCursor;
    } while (cursor !== undefined);
    return tasks;
  }

  async #order<Req>(method: UnaryMethod<Req, Empty>, request: Req, options?: CallOptions): Promise<void> {
    await this.channel.call(method, request, options);
  }
}

function leavesOutTasks(trailers: Metadata): boolean {
  return Number(trailers.get(omittedTasksKey)[0] ?? 0) > 0;
}

/** Returns the id of a reference. */
export function idOf(ref: Ref): string {
  return typeof ref === 'string' ? ref : ref.id;
}

/** Marks a call that has the same effect if it is sent twice. */
export function repeatable<Req, Res>(definition: MethodDefinition<Req, Res>): UnaryMethod<Req, Res> {
  return { definition, isRepeatable: true };
}

/**
 * Marks a call that must not be repeated: a repetition could undo another caller's change, or report a
 * success as a failure.
 */
export function once<Req, Res>(definition: MethodDefinition<Req, Res>): UnaryMethod<Req, Res> {
  return { definition, isRepeatable: false };
}

/**
 * Adds an idempotency key to the options, unless the caller has set one. With it, repetitions count as one
 * call.
 */
export function withIdempotencyKey(random: Random, options: CreateOptions = {}): CallOptions {
  return withMetadata(options, 'idempotency-key', options.idempotencyKey ?? random.uuid());
}

function withMetadata(options: CallOptions, key: string, value: string): CallOptions {
  const metadata = options.metadata?.clone() ?? new Metadata();
  metadata.set(key, value);
  return { ...options, metadata };
}
