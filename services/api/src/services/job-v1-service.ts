import { JobServiceService as definition, type JobServiceServer } from '@berth/shared/gen/job/v1/job_service';
import { type CallContext, type CallOptions, unary } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import * as calls from '../commands/job-v1-calls.js';
import type { Cell } from '../gateway/cell.js';
import type { RateLimiter } from '../gateway/rate-limiter.js';

/** The dependencies of the service. */
interface JobV1ServiceDeps {
  readonly cell: Cell;
  /**
   * Limits the rate of each caller's writes. Only CancelInstances asks it here: its number of writes is known
   * late.
   */
  readonly limiter: RateLimiter;
}

export function jobV1Service({ cell, limiter }: JobV1ServiceDeps, options: CallOptions): GrpcService {
  const call = <Req, Res>(fn: (cell: Cell, request: Req, call: CallContext) => Promise<Res>) =>
    unary<Req, Res>((request, context) => fn(cell, request, context), options);
  const implementation = withUnimplemented<JobServiceServer>(
    definition,
    {
      getVersion: unary(calls.getVersion, options),
      listRegisteredJobs: call(calls.listRegisteredJobs),
      lookupInstances: call(calls.lookupInstances),
      scheduleJob: call(calls.scheduleJob),
      cancelInstances: call((_, request, context) =>
        calls.cancelInstances(cell, request, context, (writes) => limiter.admit(context, writes)),
      ),
    },
    options,
  );
  return { definition, implementation };
}
