/*
 * The one table of routes under /api/v1. The router, the OpenAPI document and the tests read it. Each route
 * is a method of a service; its path, query and body make the request message.
 */
import * as agents from '@berth/shared/gen/berth/v1/agent_service';
import * as cell from '@berth/shared/gen/berth/v1/observe_service';
import * as scaling from '@berth/shared/gen/berth/v1/scaling_service';
import * as schedules from '@berth/shared/gen/berth/v1/schedule_service';
import * as stages from '@berth/shared/gen/berth/v1/stage_service';
import { Empty } from '@berth/shared/gen/google/protobuf/empty';
import * as kinds from '@berth/shared/gen/job/v1/job_service';
import * as api from '@berth/shared/gen/netflix/titus/titus_job_api';

/** The JSON functions of a generated message. */
interface JsonMessage {
  fromJSON(object: unknown): unknown;
  toJSON(message: never): unknown;
}

/** A method of a service with routes, by its name in the definition. */
export type RpcName =
  | keyof typeof agents.AgentServiceService
  | keyof typeof api.JobManagementServiceService
  | keyof typeof cell.ObserveServiceService
  | keyof typeof kinds.JobServiceService
  | keyof typeof scaling.ScalingServiceService
  | keyof typeof schedules.ScheduleServiceService
  | keyof typeof stages.StageServiceService;

export interface Route {
  readonly verb: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** A part in braces is a field of the request. `:verb` at the end is an action beyond REST. */
  readonly path: string;
  readonly rpc: RpcName;
  readonly request: JsonMessage;
  readonly response: JsonMessage;
  /** The part of the request that the body is: `*` for the whole, or a field. Without it there is no body. */
  readonly body?: string;
  /** The query parameters make a list query: paging, fields and criteria. */
  readonly isQuery?: true;
  /** The query parameters make a subscription of berth.v1. */
  readonly isSubscription?: true;
  /** The query parameters select instances of job.v1. */
  readonly isInstanceQuery?: true;
  /** Query parameters that are fields of the request, each with its description. */
  readonly params?: Readonly<Record<string, string>>;
  /** Answers with Server-Sent Events. */
  readonly isStream?: true;
  /** The status of success; 200 by default. */
  readonly success?: 201;
}

export const apiRoot = '/api/v1';

const clusters = `${apiRoot}/clusters`;
const jobs = `${apiRoot}/jobs`;
const tasks = `${apiRoot}/tasks`;
const instances = `${apiRoot}/instances`;

export const routes: readonly Route[] = [
  {
    verb: 'GET',
    path: `${apiRoot}/cell:observe`,
    rpc: 'observe',
    request: cell.ObserveRequest,
    response: cell.ObserveResponse,
    isSubscription: true,
    isStream: true,
  },
  {
    verb: 'POST',
    path: clusters,
    rpc: 'createJobCluster',
    request: api.JobClusterDescriptor,
    response: api.JobClusterId,
    body: '*',
    success: 201,
  },
  {
    verb: 'GET',
    path: clusters,
    rpc: 'findJobClusters',
    request: api.JobClusterQuery,
    response: api.JobClusterQueryResult,
    isQuery: true,
  },
  {
    verb: 'GET',
    path: `${clusters}:observe`,
    rpc: 'observeJobClusters',
    request: Empty,
    response: api.JobClusterNotification,
    isStream: true,
  },
  {
    verb: 'GET',
    path: `${clusters}/{id}`,
    rpc: 'findJobCluster',
    request: api.JobClusterId,
    response: api.JobCluster,
  },
  {
    verb: 'PUT',
    path: `${clusters}/{id}`,
    rpc: 'updateJobCluster',
    request: api.JobCluster,
    response: Empty,
    body: 'descriptor',
  },
  {
    verb: 'PUT',
    path: `${clusters}/{id}/status`,
    rpc: 'updateJobClusterStatus',
    request: api.JobClusterStatusUpdate,
    response: Empty,
    body: '*',
  },
  {
    verb: 'DELETE',
    path: `${clusters}/{id}`,
    rpc: 'removeJobCluster',
    request: api.JobClusterId,
    response: Empty,
  },
  {
    verb: 'GET',
    path: `${clusters}/{clusterId}/schedule`,
    rpc: 'getSchedule',
    request: schedules.GetScheduleRequest,
    response: schedules.GetScheduleResponse,
  },
  {
    verb: 'GET',
    path: `${clusters}/{clusterId}/fires`,
    rpc: 'listFires',
    request: schedules.ListFiresRequest,
    response: schedules.ListFiresResponse,
    params: {
      count: 'The number of results: at most 1000, 10 by default.',
      afterMs: 'Only fires after this time, in milliseconds since the epoch; now by default.',
    },
  },
  {
    verb: 'POST',
    path: `${clusters}/{clusterId}/schedule:pause`,
    rpc: 'pauseSchedule',
    request: schedules.PauseScheduleRequest,
    response: schedules.PauseScheduleResponse,
    body: '*',
  },
  {
    verb: 'POST',
    path: `${clusters}/{clusterId}/schedule:resume`,
    rpc: 'resumeSchedule',
    request: schedules.ResumeScheduleRequest,
    response: schedules.ResumeScheduleResponse,
    body: '*',
  },
  {
    verb: 'GET',
    path: `${clusters}/{id}:observe`,
    rpc: 'observeJobCluster',
    request: api.JobClusterId,
    response: api.JobClusterNotification,
    isStream: true,
  },
  {
    verb: 'POST',
    path: jobs,
    rpc: 'createJob',
    request: api.JobDescriptor,
    response: api.JobId,
    body: '*',
    success: 201,
  },
  {
    verb: 'GET',
    path: jobs,
    rpc: 'findJobs',
    request: api.JobQuery,
    response: api.JobQueryResult,
    isQuery: true,
  },
  {
    verb: 'GET',
    path: `${jobs}:observe`,
    rpc: 'observeJobs',
    request: Empty,
    response: api.JobChangeNotification,
    isStream: true,
  },
  {
    verb: 'POST',
    path: `${jobs}:kill`,
    rpc: 'killJobs',
    request: api.JobIds,
    response: Empty,
    body: '*',
  },
  { verb: 'GET', path: `${jobs}/{id}`, rpc: 'findJob', request: api.JobId, response: api.Job },
  { verb: 'DELETE', path: `${jobs}/{id}`, rpc: 'killJob', request: api.JobId, response: Empty },
  {
    verb: 'GET',
    path: `${jobs}/{id}:observe`,
    rpc: 'observeJob',
    request: api.JobId,
    response: api.JobChangeNotification,
    isStream: true,
  },
  {
    verb: 'PUT',
    path: `${jobs}/{jobId}/instances`,
    rpc: 'updateJobInstances',
    request: api.JobInstancesUpdate,
    response: Empty,
    body: 'instances',
  },
  {
    verb: 'PUT',
    path: `${jobs}/{jobId}/stages/{stage}/instances`,
    rpc: 'updateStageInstances',
    request: stages.UpdateStageInstancesRequest,
    response: stages.UpdateStageInstancesResponse,
    body: 'instances',
  },
  {
    verb: 'GET',
    path: `${jobs}/{jobId}/stages:watch`,
    rpc: 'watchStages',
    request: stages.WatchStagesRequest,
    response: stages.WatchStagesResponse,
    params: {
      stage: 'Only this stage, counted from 1.',
      neighboursOf: 'Only the stages right before and right after this one.',
    },
    isStream: true,
  },
  {
    verb: 'GET',
    path: `${jobs}/{jobId}/scaling`,
    rpc: 'explainScaling',
    request: scaling.ExplainScalingRequest,
    response: scaling.ExplainScalingResponse,
    params: {
      listenMs:
        'How long to listen at most for what the tasks use, in milliseconds, 30000 at most; 7000 where it is not given.',
    },
  },
  {
    verb: 'PUT',
    path: `${jobs}/{id}/status`,
    rpc: 'updateJobStatus',
    request: api.JobStatusUpdate,
    response: Empty,
    body: '*',
  },
  {
    verb: 'GET',
    path: `${jobs}/{jobId}/tasks`,
    rpc: 'findTasks',
    request: api.TaskQuery,
    response: api.TaskQueryResult,
    isQuery: true,
  },
  {
    verb: 'POST',
    path: `${tasks}:kill`,
    rpc: 'killTasks',
    request: api.TaskIds,
    response: Empty,
    body: '*',
  },
  { verb: 'GET', path: `${tasks}/{id}`, rpc: 'findTask', request: api.TaskId, response: api.Task },
  { verb: 'DELETE', path: `${tasks}/{id}`, rpc: 'killTask', request: api.TaskId, response: Empty },
  {
    verb: 'GET',
    path: `${apiRoot}/agents`,
    rpc: 'listAgents',
    request: agents.ListAgentsRequest,
    response: agents.ListAgentsResponse,
    params: {
      pageSize: 'The size of the page: at most 2000, 500 by default.',
      after: 'Only agents after this id, which is `nextAfter` of an answer.',
    },
  },
  {
    verb: 'GET',
    path: `${apiRoot}/agents/{id}`,
    rpc: 'getAgent',
    request: agents.GetAgentRequest,
    response: agents.GetAgentResponse,
  },
  {
    verb: 'POST',
    path: `${apiRoot}/agents/{id}:drain`,
    rpc: 'drainAgent',
    request: agents.DrainAgentRequest,
    response: agents.DrainAgentResponse,
    body: '*',
  },
  {
    verb: 'POST',
    path: `${apiRoot}/agents/{id}:undrain`,
    rpc: 'undrainAgent',
    request: agents.UndrainAgentRequest,
    response: agents.UndrainAgentResponse,
    body: '*',
  },
  {
    verb: 'GET',
    path: `${apiRoot}/version`,
    rpc: 'getVersion',
    request: kinds.VersionRequest,
    response: kinds.VersionResponse,
  },
  {
    verb: 'GET',
    path: `${apiRoot}/kinds`,
    rpc: 'listRegisteredJobs',
    request: kinds.ListRegisteredJobsRequest,
    response: kinds.ListRegisteredJobsResponse,
  },
  {
    verb: 'POST',
    path: `${apiRoot}/kinds/{kind}:schedule`,
    rpc: 'scheduleJob',
    request: kinds.ScheduleJobRequest,
    response: kinds.ScheduleJobResponse,
    body: '*',
    success: 201,
  },
  {
    verb: 'GET',
    path: instances,
    rpc: 'lookupInstances',
    request: kinds.LookupInstancesRequest,
    response: kinds.LookupInstancesResponse,
    isInstanceQuery: true,
  },
  {
    verb: 'POST',
    path: `${instances}:cancel`,
    rpc: 'cancelInstances',
    request: kinds.CancelInstancesRequest,
    response: kinds.CancelInstancesResponse,
    body: 'query',
  },
];
