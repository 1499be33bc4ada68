/*
 * The one table of the RPCs: the verb, the object and the cost of each. A gateway limits its callers' rate
 * of writes by it. The types refuse a method without a row.
 */
import { AgentServiceService } from '../../gen/berth/v1/agent_service.js';
import { ObserveServiceService } from '../../gen/berth/v1/observe_service.js';
import { PlacementServiceService } from '../../gen/berth/v1/placement_service.js';
import { ScalingServiceService } from '../../gen/berth/v1/scaling_service.js';
import { ScheduleServiceService } from '../../gen/berth/v1/schedule_service.js';
import { StageServiceService } from '../../gen/berth/v1/stage_service.js';
import { JobServiceService } from '../../gen/job/v1/job_service.js';
import { JobManagementServiceService } from '../../gen/netflix/titus/titus_job_api.js';

/** Reads take no part in the rate of writes; all other verbs change the cell. */
type AccessVerb = 'read' | 'observe' | 'create' | 'update' | 'remove' | 'stop';

type AccessObject = 'cell' | 'gateway' | 'cluster' | 'job' | 'task' | 'agent';

/**
 * The writes that a call counts as: none, one, one for each id that the request names, or one for each
 * object that the handler finds. A handler of the last kind asks the rate limiter itself, since only it
 * knows the number.
 */
type WriteCost = 'none' | 'one' | 'each-id' | 'each-found';

interface Access {
  readonly verb: AccessVerb;
  readonly object: AccessObject;
  readonly cost: WriteCost;
}

type Rows<Definition> = { readonly [Method in keyof Definition]: Access };

const read = (object: AccessObject): Access => ({ verb: 'read', object, cost: 'none' });
const observe = (object: AccessObject): Access => ({ verb: 'observe', object, cost: 'none' });
const write = (verb: AccessVerb, object: AccessObject, cost: WriteCost = 'one'): Access => ({
  verb,
  object,
  cost,
});

const jobManagement: Rows<typeof JobManagementServiceService> = {
  createJobCluster: write('create', 'cluster'),
  updateJobCluster: write('update', 'cluster'),
  updateJobClusterStatus: write('update', 'cluster'),
  removeJobCluster: write('remove', 'cluster'),
  findJobCluster: read('cluster'),
  findJobClusters: read('cluster'),
  observeJobCluster: observe('cluster'),
  observeJobClusters: observe('cluster'),
  createJob: write('create', 'job'),
  updateJobInstances: write('update', 'job'),
  updateJobStatus: write('update', 'job'),
  killJob: write('stop', 'job'),
  killJobs: write('stop', 'job', 'each-id'),
  findJob: read('job'),
  findJobs: read('job'),
  observeJob: observe('job'),
  observeJobs: observe('job'),
  killTask: write('stop', 'task'),
  killTasks: write('stop', 'task', 'each-id'),
  findTask: read('task'),
  findTasks: read('task'),
};

const jobV1: Rows<typeof JobServiceService> = {
  getVersion: read('gateway'),
  listRegisteredJobs: read('cluster'),
  scheduleJob: write('create', 'job'),
  lookupInstances: read('job'),
  cancelInstances: write('stop', 'job', 'each-found'),
};

const agents: Rows<typeof AgentServiceService> = {
  listAgents: read('agent'),
  getAgent: read('agent'),
  drainAgent: write('update', 'agent'),
  undrainAgent: write('update', 'agent'),
};

const placement: Rows<typeof PlacementServiceService> = {
  checkExpression: read('agent'),
  explain: read('task'),
  watchExplain: observe('task'),
  plan: read('cell'),
};

const schedules: Rows<typeof ScheduleServiceService> = {
  getSchedule: read('cluster'),
  listFires: read('cluster'),
  pauseSchedule: write('update', 'cluster'),
  resumeSchedule: write('update', 'cluster'),
};

const stages: Rows<typeof StageServiceService> = {
  updateStageInstances: write('update', 'job'),
  watchStages: observe('job'),
};

const scaling: Rows<typeof ScalingServiceService> = { explainScaling: read('job') };

const cell: Rows<typeof ObserveServiceService> = { observe: observe('cell') };

const byPath: ReadonlyMap<string, Access> = new Map([
  ...paths(JobManagementServiceService, jobManagement),
  ...paths(JobServiceService, jobV1),
  ...paths(AgentServiceService, agents),
  ...paths(PlacementServiceService, placement),
  ...paths(ScheduleServiceService, schedules),
  ...paths(StageServiceService, stages),
  ...paths(ScalingServiceService, scaling),
  ...paths(ObserveServiceService, cell),
]);

function paths<Definition extends Readonly<Record<string, { readonly path: string }>>>(
  definition: Definition,
  rows: Readonly<Record<keyof Definition & string, Access>>,
): readonly (readonly [path: string, access: Access])[] {
  return Object.entries(definition).flatMap(([method, { path }]) => {
    const access: Access | undefined = rows[method];
    return access === undefined ? [] : [[path, access] as const];
  });
}

/**
 * Returns the row of the RPC with this path, such as `/berth.v1.AgentService/DrainAgent`.
 * @throws Error if the table has no such row: an RPC that nobody has declared is not served.
 */
export function accessOf(path: string): Access {
  const access = byPath.get(path);
  if (access === undefined) throw new Error(`${path} has no row in rpc/access/access-table`);
  return access;
}
