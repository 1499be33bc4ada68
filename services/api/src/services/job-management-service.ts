/** netflix.titus.JobManagementService. Each method names the function that implements it. */

import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type JobChangeNotification,
  type JobClusterId,
  type JobClusterNotification,
  type JobId,
  type JobManagementServiceServer,
  JobManagementServiceService,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { type CallContext, type CallOptions, serverStream, unary } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import { type Encoded, passThrough } from '@berth/shared/rpc/streaming/pass-through';
import * as clusterCommands from '../commands/cluster-commands.js';
import * as commands from '../commands/job-commands.js';
import { killJobs, killTasks } from '../commands/kill-many.js';
import { createJob } from '../commands/submit-job.js';
import type { Cell } from '../gateway/cell.js';
import { observeJob, observeJobs } from '../observe/titus/observe-calls.js';
import { observeJobCluster, observeJobClusters } from '../observe/titus/observe-cluster-calls.js';
import type { ObserveDeps } from '../observe/titus/observe-deps.js';
import * as clusterQueries from '../queries/cluster-queries.js';
import * as queries from '../queries/job-queries.js';
import { encodeJob, encodeJobs, encodeTasks } from '../queries/job-responses.js';

const streams = ['observeJob', 'observeJobs', 'observeJobCluster', 'observeJobClusters'] as const;
const plainDefinition = passThrough(JobManagementServiceService, streams);

/** Most of a response is stored bytes: these methods copy them instead of encoding them again. */
const { findJob, findJobs, findTasks } = JobManagementServiceService;
const splicedDefinition: typeof plainDefinition = {
  ...plainDefinition,
  findJob: { ...findJob, responseSerialize: encodeJob },
  findJobs: { ...findJobs, responseSerialize: encodeJobs },
  findTasks: { ...findTasks, responseSerialize: encodeTasks },
};

type Streamed = JobChangeNotification | Encoded;
type ClusterStreamed = JobClusterNotification | Encoded;

type Method<Req, Res> = (cell: Cell, request: Req, call: CallContext) => Promise<Res>;

export function jobManagementService(deps: ObserveDeps, options: CallOptions): GrpcService {
  const { cell, tuning } = deps;
  const definition = tuning.splicesResponses ? splicedDefinition : plainDefinition;
  const call = <Req, Res>(fn: Method<Req, Res>) =>
    unary<Req, Res>((request, context) => fn(cell, request, context), options);
  const implementation = withUnimplemented<JobManagementServiceServer>(
    definition,
    {
      createJobCluster: call(clusterCommands.createJobCluster),
      updateJobCluster: call(clusterCommands.updateJobCluster),
      updateJobClusterStatus: call(clusterCommands.updateJobClusterStatus),
      removeJobCluster: call(clusterCommands.removeJobCluster),
      findJobCluster: call(clusterQueries.findJobCluster),
      findJobClusters: call(clusterQueries.findJobClusters),
      createJob: call(createJob),
      updateJobInstances: call(commands.updateJobInstances),
      updateJobStatus: call(commands.updateJobStatus),
      killJob: call(commands.killJob),
      killJobs: call(killJobs),
      killTask: call(commands.killTask),
      killTasks: call(killTasks),
      findJob: call(queries.findJob),
      findJobs: call(queries.findJobs),
      findTask: call(queries.findTask),
      findTasks: call(queries.findTasks),
      observeJob: serverStream<JobId, Streamed>(
        (request, context, stream) => observeJob(deps, request, context, stream),
        options,
      ),
      observeJobs: serverStream<Empty, Streamed>(
        (_request, context, stream) => observeJobs(deps, context, stream),
        options,
      ),
      observeJobCluster: serverStream<JobClusterId, ClusterStreamed>(
        (request, context, stream) => observeJobCluster(deps, request, context, stream),
        options,
      ),
      observeJobClusters: serverStream<Empty, ClusterStreamed>(
        (_request, context, stream) => observeJobClusters(deps, context, stream),
        options,
      ),
    },
    options,
  );
  return { definition, implementation };
}
