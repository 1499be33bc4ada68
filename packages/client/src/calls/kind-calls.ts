import {
  CancelInstancesRequest,
  type Job,
  type JobInstance,
  LookupInstancesRequest,
  JobServiceService as methods,
  type Query,
  ScheduleJobRequest,
  type VersionResponse,
} from '@berth/shared/gen/job/v1/job_service';
import type { CallOptions, CreateOptions } from '../connection/options.js';
import type { Answer } from '../connection/unary.js';
import { JobCalls, once, repeatable, withIdempotencyKey } from './job-calls.js';

/** The options of a requested execution. */
export interface ExecutionOptions {
  /** Appended to the command of the kind's template. */
  readonly arguments?: readonly string[];
  /** Lower numbers go first; the default is 5. */
  readonly priority?: number;
}

/** Selects instances; an absent field selects all. States are flags of `JobState`: join several with `|`. */
export interface InstanceQuery {
  readonly kind?: string;
  readonly uuid?: string;
  readonly states?: number;
}

/** The newest instances, as many as one answer can hold. */
export interface InstanceList {
  readonly instances: readonly JobInstance[];
  /** The number of all selected instances. */
  readonly total: number;
}

/** Trailer of an answer that leaves out instances. */
const totalKey = 'berth-total-instances';

/** The calls of job.v1.JobService, in addition to those about jobs. */
export class KindCalls extends JobCalls {
  /** Lists the registered kinds. */
  async listKinds(options?: CallOptions): Promise<readonly Job[]> {
    return (await this.channel.call(repeatable(methods.listRegisteredJobs), {}, options)).jobs;
  }

  /** Requests one execution of the kind. Resolves when the request is durable. */
  async schedule(
    kind: string,
    scheduling: ExecutionOptions = {},
    options?: CreateOptions,
  ): Promise<JobInstance> {
    const request = ScheduleJobRequest.fromPartial({
      kind,
      arguments: [...(scheduling.arguments ?? [])],
      ...(scheduling.priority === undefined ? {} : { priority: scheduling.priority }),
    });
    const answer = await this.channel.call(
      repeatable(methods.scheduleJob),
      request,
      withIdempotencyKey(this.channel.random, options),
    );
    if (answer.instance === undefined) throw new Error('the gateway answered without an instance');
    return answer.instance;
  }

  /** Returns the selected instances, the newest first. */
  async lookupInstances(query: InstanceQuery = {}, options?: CallOptions): Promise<InstanceList> {
    const request = LookupInstancesRequest.fromPartial({ query: toQuery(query) });
    return instancesIn(await this.channel.ask(repeatable(methods.lookupInstances), request, options));
  }

  /** Requests the end of all selected instances that have not ended, and returns them. */
  async cancelInstances(query: InstanceQuery, options?: CallOptions): Promise<InstanceList> {
    const request = CancelInstancesRequest.fromPartial({ query: toQuery(query) });
    return instancesIn(await this.channel.ask(once(methods.cancelInstances), request, options));
  }

  /** Returns the version of the gateway and of its API. */
  gatewayVersion(options?: CallOptions): Promise<VersionResponse> {
    return this.channel.call(repeatable(methods.getVersion), {}, options);
  }
}

function instancesIn({ response, trailers }: Answer<{ readonly instances: JobInstance[] }>): InstanceList {
  const { instances } = response;
  return { instances, total: Number(trailers.get(totalKey)[0] ?? instances.length) };
}

function toQuery({ kind, uuid, states }: InstanceQuery): Query {
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(uuid === undefined ? {} : { uuid }),
    // Several flags are not a value of the enum type.
    ...(states === undefined ? {} : { state: states as NonNullable<Query['state']> }),
  };
}
