/** berth.v1.StageService: changes the size of a Mantis job's stages and streams the states of their tasks. */
import {
  type StageServiceServer,
  StageServiceService,
  type UpdateStageInstancesRequest,
  type UpdateStageInstancesResponse,
  type WatchStagesRequest,
  type WatchStagesResponse,
} from '@berth/shared/gen/berth/v1/stage_service';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { notFound } from '@berth/shared/model/errors/errors';
import { type CallContext, type CallOptions, serverStream, unary } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import { type Encoded, passThrough } from '@berth/shared/rpc/streaming/pass-through';
import { updateStageInstances } from '../commands/job-commands.js';
import type { Cell } from '../gateway/cell.js';
import type { OpenStream } from '../gateway/metrics.js';
import { idViolations, orRefuse, refuseIf } from '../gateway/request-checks.js';
import { stageMessages, watchedStages } from '../observe/stages/core/stage-messages.js';
import { type StageStatuses, stageBytes } from '../observe/stages/stage-status.js';
import { StageStream } from '../observe/stages/stage-stream.js';
import type { ByteSink } from '../observe/stream/observe-stream.js';
import type { SilenceBreaker } from '../observe/stream/silence.js';

const definition = passThrough(StageServiceService, ['watchStages']);

/** The dependencies of the service. */
interface StageServiceDeps {
  readonly cell: Cell;
  readonly stageStatuses: StageStatuses;
  readonly streams: Set<OpenStream>;
  readonly silence: SilenceBreaker;
}

export function stageService(deps: StageServiceDeps, options: CallOptions): GrpcService {
  const implementation = withUnimplemented<StageServiceServer>(
    definition,
    {
      updateStageInstances: unary<UpdateStageInstancesRequest, UpdateStageInstancesResponse>(
        (request, call) => updateStageInstances(deps.cell, request, call),
        options,
      ),
      watchStages: serverStream<WatchStagesRequest, WatchStagesResponse | Encoded>(
        (request, call, stream) => watchStages(deps, request, call, stream),
        options,
      ),
    },
    options,
  );
  return { definition, implementation };
}

/** Streams the stages of a job. For a job that has ended it sends its stages without tasks, and ends. */
async function watchStages(
  { cell, stageStatuses, streams, silence }: StageServiceDeps,
  request: WatchStagesRequest,
  call: CallContext,
  sink: ByteSink,
): Promise<void> {
  const { jobId } = request;
  refuseIf(idViolations('job_id', jobId));
  const view = await cell.read(call);
  const known = view.find('job', jobId);
  const job = known ?? (await cell.findArchivedJob(jobId))?.job;
  if (job?.record.descriptor === undefined) throw notFound('job', jobId);
  const { descriptor } = job.record;
  const { stages } = orRefuse(watchedStages(descriptor, request));
  const stream = new StageStream(sink, stages);
  const watch = () =>
    known === undefined ? showEnd(stream, descriptor) : stageStatuses.watch(jobId, stream);
  await runWatch(stream, { call, streams, silence, watch });
}

/** An archived job no longer changes. */
function showEnd(stream: StageStream, descriptor: JobDescriptor): () => void {
  for (const stage of stageMessages({ descriptor, tasks: [], isEnding: true }))
    stream.show(stage.number, stageBytes(stage));
  stream.end();
  return () => {};
}

interface StageWatch {
  readonly call: CallContext;
  readonly streams: Set<OpenStream>;
  readonly silence: SilenceBreaker;
  readonly watch: () => () => void;
}

/** Runs the stream until it ends or the call does, and releases its resources. */
async function runWatch(stream: StageStream, run: StageWatch): Promise<void> {
  const { call, streams, silence, watch } = run;
  const { signal, caller } = call;
  const stop = () => stream.stop(signal.reason);
  const open: OpenStream = {
    method: 'WatchStages',
    caller: caller.id,
    get pending() {
      return stream.pending;
    },
    // Pending messages always have the newest state, so no reader falls behind.
    lagMs: () => 0,
  };
  streams.add(open);
  signal.addEventListener('abort', stop, { once: true });
  const leave = watch();
  silence.add(stream);
  try {
    if (signal.aborted) stop();
    await stream.done;
  } finally {
    signal.removeEventListener('abort', stop);
    streams.delete(open);
    leave();
    silence.remove(stream);
  }
}
