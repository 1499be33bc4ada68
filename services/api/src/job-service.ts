/** netflix.titus.JobManagementService: each method names the function that does it. */

import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import {
  type JobChangeNotification,
  type JobId,
  type JobManagementServiceServer,
  JobManagementServiceService,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { passThrough } from '@berth/shared/rpc/fan-out';
import { type CallContext, type CallOptions, serverStream, unary } from '@berth/shared/rpc/handlers';
import type { GrpcService } from '@berth/shared/rpc/server';
import { withUnimplemented } from '@berth/shared/rpc/unimplemented';
import type { Cell } from './cell.js';
import * as commands from './job-commands.js';
import * as queries from './job-queries.js';
import { type Observing, observeJob, observeJobs } from './observe-calls.js';

/** Streams send what is encoded already. */
const definition = passThrough(JobManagementServiceService, ['observeJob', 'observeJobs']);

type Streamed = JobChangeNotification | Buffer;

export function jobManagementService(observing: Observing, options: CallOptions): GrpcService {
  const { cell } = observing;
  const call = <Req, Res>(fn: (cell: Cell, request: Req, call: CallContext) => Promise<Res>) =>
    unary<Req, Res>((request, context) => fn(cell, request, context), options);
  const implementation = withUnimplemented<JobManagementServiceServer>(
    definition,
    {
      createJob: call(commands.createJob),
      updateJobInstances: call(commands.updateJobInstances),
      updateJobStatus: call(commands.updateJobStatus),
      killJob: call(commands.killJob),
      killTask: call(commands.killTask),
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
    },
    options,
  );
  return { definition, implementation };
}
