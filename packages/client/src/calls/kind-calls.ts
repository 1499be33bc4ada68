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

/** What a caller may say of an execution that it asks for. */
export interface Scheduling {
  /** They follow the command of the kind's template. */
  readonly arguments?: readonly string[];
  /** Lower ones go first; without it as for 5. */
  readonly priority?: number;
}

/**
 * Which instances; what is not named is not asked for. States are flags of `JobState`: several are joined by `|`.
 */
export interface InstanceQuery {
  readonly kind?: string;
  readonly uuid?: string;
  readonly states?: number;
}

/** Instances, as many as one answer holds: the newest. */
export interface Instances {
  readonly instances: readonly JobInstance[];
  /** How many there are in all. */
  readonly total: number;
}

/** Trailer of an answer that leaves instances out. */
const totalKey = 'berth-total-instances';

/** The calls of job.v1.JobService, beside those about jobs. */
export class KindCalls extends JobCalls {
  /** The kinds that there are. */
  async listKinds(options?: CallOptions): Promise<readonly Job[]> {
    return (await this.channel.call(repeatable(methods.listRegisteredJobs), {}, options)).jobs;
  }

  /** Asks for one execution of the kind. Resolves once that is durable. */
  async schedule(kind: string, scheduling: Scheduling = {}, options?: CreateOptions): Promise<JobInstance> {
    const request = ScheduleJobRequest.fromPartial({
      kind,
      arguments: [...(scheduling.arguments ?? [])],
      ...(scheduling.priority === undefined ? {} : { priority: scheduling.priority }),
    });
    const answer = await this.channel.call(
      repeatable(methods.scheduleJob),
      request,
      withIdempotencyKey(options),
    );
    if (answer.instance === undefined) throw new Error('the gateway answered without an instance');
    return answer.instance;
  }

  /** The instances that the query selects, the newest first. */
  async lookupInstances(query: InstanceQuery = {}, options?: CallOptions): Promise<Instances> {
    const request = LookupInstancesRequest.fromPartial({ query: toQuery(query) });
    return instancesIn(await this.channel.ask(repeatable(methods.lookupInstances), request, options));
  }

  /** Asks for the end of the instances that the query selects and that have not ended, and tells which they are. */
  async cancelInstances(query: InstanceQuery, options?: CallOptions): Promise<Instances> {
    const request = CancelInstancesRequest.fromPartial({ query: toQuery(query) });
    return instancesIn(await this.channel.ask(once(methods.cancelInstances), request, options));
  }

  /** The version of the gateway, and of the API that it speaks. */
  gatewayVersion(options?: CallOptions): Promise<VersionResponse> {
    return this.channel.call(repeatable(methods.getVersion), {}, options);
  }
}

function instancesIn({ response, trailers }: Answer<{ readonly instances: JobInstance[] }>): Instances {
  const { instances } = response;
  return { instances, total: Number(trailers.get(totalKey)[0] ?? instances.length) };
}

function toQuery({ kind, uuid, states }: InstanceQuery): Query {
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(uuid === undefined ? {} : { uuid }),
    // Flags, which the type of a single state does not say.
    ...(states === undefined ? {} : { state: states as NonNullable<Query['state']> }),
  };
}
