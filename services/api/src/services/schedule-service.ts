/** berth.v1.ScheduleService: reads, pauses and resumes the schedules of clusters. */
import {
  type ClusterSchedule,
  ScheduleServiceService as definition,
  type ListFiresRequest,
  type ListFiresResponse,
  type PauseScheduleRequest,
  type ScheduleServiceServer,
} from '@berth/shared/gen/berth/v1/schedule_service';
import { nextRuns, type Schedule, scheduleOf } from '@berth/shared/model/schedule/schedule';
import type { ClusterView } from '@berth/shared/model/submission/clusters';
import { type CallContext, type CallOptions, unary } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import type { Replica } from '@berth/store/replica';
import { clusterWrite, requireCluster } from '../commands/cluster-commands.js';
import type { Cell } from '../gateway/cell.js';
import { endedJobs } from '../gateway/core/ended-jobs.js';
import { findJobWithTasks, type JobWithTasks } from '../gateway/core/job-with-tasks.js';
import { failedPrecondition, idViolations, orRefuse, refuseIf } from '../gateway/request-checks.js';
import { searchJobs } from '../queries/core/job-search.js';
import { parseFilter } from '../queries/core/query.js';
import { idleBecause, scheduleMessage } from './core/schedule-messages.js';

const standardCount = 10;
const maxCount = 1000;
/** Calendars and time zones are not evaluated beyond this time. */
const lastTimeMs = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** The dependencies of the service. */
interface ScheduleServiceDeps {
  readonly cell: Cell;
}

export function scheduleService({ cell }: ScheduleServiceDeps, options: CallOptions): GrpcService {
  const call = <Req, Res>(answer: (request: Req, call: CallContext) => Promise<Res>) =>
    unary<Req, Res>(answer, options);
  const change = (paused: boolean) =>
    call(async ({ clusterId }: PauseScheduleRequest, context: CallContext) => ({
      schedule: await setPaused(cell, clusterId, { paused, call: context }),
    }));
  const implementation = withUnimplemented<ScheduleServiceServer>(
    definition,
    {
      getSchedule: call(async ({ clusterId }, context) => ({
        schedule: await getSchedule(cell, clusterId, context),
      })),
      listFires: call((request, context) => listFires(cell, request, context)),
      pauseSchedule: change(true),
      resumeSchedule: change(false),
    },
    options,
  );
  return { definition, implementation };
}

interface Scheduled {
  readonly cluster: ClusterView;
  readonly schedule: Schedule;
}

/** Returns the cluster and its schedule, or fails with NOT_FOUND or FAILED_PRECONDITION. */
function requireSchedule(view: Replica, id: string): Scheduled {
  refuseIf(idViolations('cluster_id', id));
  const cluster = requireCluster(view, id);
  const schedule = scheduleOf(cluster.record);
  if (schedule === undefined) {
    const how = 'give its template the label "berth.cronSpec" or "berth.scheduleAt"';
    throw failedPrecondition(`Job cluster ${id} has no schedule; ${how}.`);
  }
  return { cluster, schedule };
}

async function getSchedule(cell: Cell, id: string, call: CallContext): Promise<ClusterSchedule> {
  const view = await cell.read(call);
  const { cluster, schedule } = requireSchedule(view, id);
  const history = {
    status: view.find('clusterStatus', id)?.record,
    ended: [...endedJobs(view, id), ...presentJobs(cell, view, id)],
  };
  return scheduleMessage(cluster.record, schedule, history, cell.clock.nowMs());
}

/** Returns the cluster's jobs that are still listed as a whole. */
function presentJobs(cell: Cell, view: Replica, clusterId: string): readonly JobWithTasks[] {
  const { filter } = orRefuse(parseFilter({ jobClusterIds: clusterId }));
  return searchJobs(view, cell.index, filter).flatMap(({ id }) => findJobWithTasks(view, id) ?? []);
}

async function listFires(
  cell: Cell,
  { clusterId, count, afterMs }: ListFiresRequest,
  call: CallContext,
): Promise<ListFiresResponse> {
  const isTooMany = count > maxCount;
  refuseIf([
    ...idViolations('cluster_id', clusterId),
    ...(isTooMany
      ? [{ field: 'count', description: `is ${count}, but at most ${maxCount} is allowed` }]
      : []),
    ...(afterMs > lastTimeMs
      ? [{ field: 'after_ms', description: `is ${afterMs}, which is after the year 9999` }]
      : []),
  ]);
  const { cluster, schedule } = requireSchedule(await cell.read(call), clusterId);
  return {
    firesAtMs: [...nextRuns(schedule, afterMs || cell.clock.nowMs(), count || standardCount)],
    timeZone: schedule.timeZone,
    idleBecause: idleBecause(cluster.record),
  };
}

/** Pauses or resumes a schedule. Runs that were due in the pause do not count as missed. */
async function setPaused(
  cell: Cell,
  id: string,
  { paused, call }: { readonly paused: boolean; readonly call: CallContext },
): Promise<ClusterSchedule> {
  await cell.update(call, (view) => {
    const { cluster } = requireSchedule(view, id);
    if (cluster.record.schedulePaused === paused) return undefined;
    return clusterWrite(cluster, {
      schedulePaused: paused,
      ...(paused ? {} : { scheduleSinceMs: cell.clock.nowMs() }),
    });
  });
  return getSchedule(cell, id, call);
}
