import {
  type ClusterSchedule,
  type ListFiresResponse,
  ScheduleServiceService as methods,
} from '@berth/shared/gen/berth/v1/schedule_service';
import type { CallOptions } from '../connection/options.js';
import { JobCalls, once, repeatable } from './job-calls.js';

/** Selects the coming runs of a schedule. */
export interface RunsQuery {
  /** The maximum number of runs; the default is 10. */
  readonly count?: number;
  /** Only runs after this time, in milliseconds since the epoch; the default is now. */
  readonly afterMs?: number;
}

/** The calls of berth.v1.ScheduleService, in addition to those about jobs. */
export class ScheduleCalls extends JobCalls {
  /** Returns the cluster's schedule with its past runs and its next run. */
  async getSchedule(clusterId: string, options?: CallOptions): Promise<ClusterSchedule> {
    return found(await this.channel.call(repeatable(methods.getSchedule), { clusterId }, options));
  }

  /** Lists the next runs of the cluster's schedule. */
  listFires(clusterId: string, query: RunsQuery = {}, options?: CallOptions): Promise<ListFiresResponse> {
    const request = { clusterId, count: query.count ?? 0, afterMs: query.afterMs ?? 0 };
    return this.channel.call(repeatable(methods.listFires), request, options);
  }

  /** Pauses the schedule: from now on it starts nothing. */
  async pauseSchedule(clusterId: string, options?: CallOptions): Promise<ClusterSchedule> {
    return found(await this.channel.call(once(methods.pauseSchedule), { clusterId }, options));
  }

  /** Resumes the schedule. Runs that were due in between are not made up. */
  async resumeSchedule(clusterId: string, options?: CallOptions): Promise<ClusterSchedule> {
    return found(await this.channel.call(once(methods.resumeSchedule), { clusterId }, options));
  }
}

function found({ schedule }: { readonly schedule?: ClusterSchedule | undefined }): ClusterSchedule {
  if (schedule === undefined) throw new Error('the gateway answered without a schedule');
  return schedule;
}
