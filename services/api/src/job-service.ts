/** netflix.titus.JobManagementService: each method names the function that does it. */

import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type JobChangeNotification,
  type JobClusterId,
  type JobClusterNotification,
  type JobId,
  type JobManagementServiceServer,
  JobManagementServiceService,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { type Encoded, passThrough } from '@berth/shared/rpc/fan-out';
import { type CallContext, type CallOptions, serverStream, unary } from '@berth/shared/rpc/handlers';
import type { GrpcService } from '@berth/shared/rpc/server';
import { withUnimplemented } from '@berth/shared/rpc/unimplemented';
import type { Cell } from './cell.js';
import * as clusterCommands from './cluster-commands.js';
import * as clusterQueries from './cluster-queries.js';
import { encodeJob, encodeJobs, encodeTasks } from './job-answers.js';
import * as commands from './job-commands.js';
import * as queries from './job-queries.js';
import { killJobs, killTasks } from './kill-many.js';
import { observeJob, observeJobs } from './observe-calls.js';
import { observeJobCluster, observeJobClusters } from './observe-cluster-calls.js';
import type { Observing } from './observe-run.js';
import type { RateLimiter } from './rate-limiter.js';
import { createJob } from './submit-job.js';

/** Streams send what is encoded already; of jobs and tasks, too, most is. */
const { findJob, findJobs, findTasks } = JobManagementServiceService;
const answering = {
  ...JobManagementServiceService,
  findJob: { ...findJob, responseSerialize: encodeJob },
  findJobs: { ...findJobs, responseSerialize: encodeJobs },
  findTasks: { ...findTasks, responseSerialize: encodeTasks },
};
const definition = passThrough(answering, [
  'observeJob',
  'observeJobs',
  'observeJobCluster',
  'observeJobClusters',
]);

type Streamed = JobChangeNotification | Encoded;
type ClusterStreamed = JobClusterNotification | Encoded;

/** What the service works with. */
export interface JobServiceParts extends Observing {
  /** What holds callers to their rate of writes. */
  readonly limiter: RateLimiter;
}

type Method<Req, Res> = (cell: Cell, request: Req, call: CallContext) => Promise<Res>;

export function jobManagementService(parts: JobServiceParts, options: CallOptions): GrpcService {
  const { cell, limiter } = parts;
  const observing: Observing = parts;
  const call = <Req, Res>(fn: Method<Req, Res>) =>
    unary<Req, Res>((request, context) => fn(cell, request, context), options);
  const write = <Req, Res>(fn: Method<Req, Res>, writesOf: (request: Req) => number = () => 1) =>
    unary<Req, Res>(async (request, context) => {
      limiter.admit(context, writesOf(request));
      return fn(cell, request, context);
    }, options);
  const idsOf = ({ id }: { readonly id: readonly string[] }) => id.length;
  const implementation = withUnimplemented<JobManagementServiceServer>(
    definition,
    {
      createJobCluster: write(clusterCommands.createJobCluster),
      updateJobCluster: write(clusterCommands.updateJobCluster),
      updateJobClusterStatus: write(clusterCommands.updateJobClusterStatus),
      removeJobCluster: write(clusterCommands.removeJobCluster),
      findJobCluster: call(clusterQueries.findJobCluster),
      findJobClusters: call(clusterQueries.findJobClusters),
      createJob: write(createJob),
      updateJobInstances: write(commands.updateJobInstances),
      updateJobStatus: write(commands.updateJobStatus),
      killJob: write(commands.killJob),
      killJobs: write(killJobs, idsOf),
      killTask: write(commands.killTask),
      killTasks: write(killTasks, idsOf),
      findJob: call(queries.findJob),
      findJobs: call(queries.findJobs),
      findTask: call(queries.findTask),
      findTasks: call(queries.findTasks),
      observeJob: serverStream<JobId, Streamed>(
        (request, context, stream) => observeJob(observing, request, context, stream),
        options,
      ),
      observeJobs: serverStream<Empty, Streamed>(
        (_request, context, stream) => observeJobs(observing, context, stream),
        options,
      ),
      observeJobCluster: serverStream<JobClusterId, ClusterStreamed>(
        (request, context, stream) => observeJobCluster(observing, request, context, stream),
        options,
      ),
      observeJobClusters: serverStream<Empty, ClusterStreamed>(
        (_request, context, stream) => observeJobClusters(observing, context, stream),
        options,
      ),
    },
    options,
  );
  return { definition, implementation };
}
