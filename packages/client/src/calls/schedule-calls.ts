import {
  type ClusterSchedule,
  type ListFiresResponse,
  ScheduleServiceService as methods,
} from '@berth/shared/gen/berth/v1/schedule_service';
import type { CallOptions } from '../connection/options.js';
import { JobCalls, once, repeatable } from './job-calls.js';

/** Which fires of a schedule are asked for. */
export interface FiresQuery {
  /** So many at most; 10 where it is not given. */
  readonly count?: number;
  /** After this time, in milliseconds since the epoch; after the present where it is not given. */
  readonly afterMs?: number;
}

/** The calls of berth.v1.ScheduleService, beside those about jobs. */
export class ScheduleCalls extends JobCalls {
  /** What the cluster's schedule says, has done and will do next. */
  async getSchedule(clusterId: string, options?: CallOptions): Promise<ClusterSchedule> {
    return found(await this.channel.call(repeatable(methods.getSchedule), { clusterId }, options));
  }

  /** When the cluster's schedule fires next. */
  listFires(clusterId: string, query: FiresQuery = {}, options?: CallOptions): Promise<ListFiresResponse> {
    const request = { clusterId, count: query.count ?? 0, afterMs: query.afterMs ?? 0 };
    return this.channel.call(repeatable(methods.listFires), request, options);
  }

  /** From then on the schedule starts nothing. */
  async pauseSchedule(clusterId: string, options?: CallOptions): Promise<ClusterSchedule> {
    return found(await this.channel.call(once(methods.pauseSchedule), { clusterId }, options));
  }

  /** The schedule goes on; what it has missed is not made up. */
  async resumeSchedule(clusterId: string, options?: CallOptions): Promise<ClusterSchedule> {
    return found(await this.channel.call(once(methods.resumeSchedule), { clusterId }, options));
  }
}

function found({ schedule }: { readonly schedule?: ClusterSchedule | undefined }): ClusterSchedule {
  if (schedule === undefined) throw new Error('the gateway answered without a schedule');
  return schedule;
}
