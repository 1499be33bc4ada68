/** berth.v1.ScalingService: explains the state of a job's scaling policies. */
import {
  ScalingServiceService as definition,
  type ExplainScalingRequest,
  type ScalingExplanation,
  type ScalingServiceServer,
} from '@berth/shared/gen/berth/v1/scaling_service';
import type { JobRecord, SampleBatch } from '@berth/shared/gen/berth/v1/store';
import { notFound } from '@berth/shared/model/errors/errors';
import { SampleWindow } from '@berth/shared/model/scaling/sample-window';
import {
  isScalingEnabled,
  metricsOf,
  type ScaledSet,
  scaledSets,
  workforceOf,
} from '@berth/shared/model/scaling/scaled-job';
import type { Logger } from '@berth/shared/process/logger';
import { type CallContext, type CallOptions, unary } from '@berth/shared/rpc/calls/handlers';
import { withUnimplemented } from '@berth/shared/rpc/calls/unimplemented';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import type { SampleFeed } from '@berth/store';
import { Observable, share } from 'rxjs';
import type { Cell } from '../gateway/cell.js';
import { idViolations, refuseIf } from '../gateway/request-checks.js';
import { scaledInstances } from './core/scaling-messages.js';

/** Agents send samples of a task more often than this. */
const standardListenMs = 7_000;
const maxListenMs = 30_000;

/** The dependencies of the service. */
interface ScalingServiceDeps {
  readonly cell: Cell;
  readonly openSampleFeed: () => SampleFeed;
}

/** The same with one shared feed for all concurrent calls. */
interface ScalingSources {
  readonly cell: Cell;
  readonly samples$: Observable<SampleBatch>;
}

export function scalingService(
  { cell, openSampleFeed }: ScalingServiceDeps,
  options: CallOptions,
): GrpcService {
  const sources = { cell, samples$: sharedSamples(openSampleFeed, options.log) };
  const implementation = withUnimplemented<ScalingServiceServer>(
    definition,
    {
      explainScaling: unary(
        async (request: ExplainScalingRequest, call: CallContext) => ({
          explanation: await explainScaling(sources, request, call),
        }),
        options,
      ),
    },
    options,
  );
  return { definition, implementation };
}

/**
 * Explains the scaling of a job. Gateways do not follow samples. So this call listens until it has a sample
 * of every running task.
 */
async function explainScaling(
  sources: ScalingSources,
  { jobId, listenMs = standardListenMs }: ExplainScalingRequest,
  call: CallContext,
): Promise<ScalingExplanation> {
  refuseIf([...idViolations('job_id', jobId), ...listenViolations(listenMs)]);
  const { cell } = sources;
  const known = (await cell.findJob(call, jobId))?.job.record;
  if (known?.descriptor === undefined) throw notFound('job', jobId);
  const sets = scaledSets(known.descriptor);
  const window = new SampleWindow();
  const sinceMs = cell.clock.nowMs();
  const isLive = cell.replica.find('job', jobId) !== undefined;
  if (isLive && sets.length > 0 && listenMs > 0)
    await listen(sources, { job: known, sets, window, listenMs, call });
  const { replica } = cell;
  // The job may have changed during the wait.
  const job = replica.find('job', jobId)?.record ?? known;
  const snapshot = { cell: replica, window, sinceMs, nowMs: cell.clock.nowMs() };
  return {
    jobId,
    enabled: job.descriptor !== undefined && isScalingEnabled(job.descriptor),
    sets: sets.map((set) => scaledInstances(job, set, snapshot)),
    decisions: [...(replica.find('jobScaling', jobId)?.record.decisions ?? [])],
  };
}

function listenViolations(listenMs: number) {
  if (listenMs <= maxListenMs) return [];
  return [{ field: 'listen_ms', description: `is ${listenMs}, but at most ${maxListenMs} is allowed` }];
}

/** Shares one feed among all concurrent listeners: another call needs no connection of its own. */
function sharedSamples(openSampleFeed: () => SampleFeed, log: Logger): Observable<SampleBatch> {
  return new Observable<SampleBatch>((subscriber) => {
    const feed = openSampleFeed();
    const subscription = feed.batches$.subscribe(subscriber);
    return () => {
      subscription.unsubscribe();
      feed.close().catch((error: unknown) => log.warn({ err: error }, 'cannot stop listening to samples'));
    };
  }).pipe(share());
}

interface ListenRequest {
  readonly job: JobRecord;
  readonly sets: readonly ScaledSet[];
  readonly window: SampleWindow;
  readonly listenMs: number;
  readonly call: CallContext;
}

async function listen(
  { cell, samples$ }: ScalingSources,
  { job, sets, window, listenMs, call }: ListenRequest,
): Promise<void> {
  const running = new Set(sets.flatMap(({ stage }) => workforceOf(cell.replica, job.id, stage).runningIds));
  if (running.size === 0) return;
  window.watch(job.id, new Set(sets.flatMap((set) => [...metricsOf(set)])));
  const heardAll = new AbortController();
  const subscription = samples$.subscribe((batch) => {
    window.add(batch, cell.clock.nowMs());
    for (const { taskId } of batch.samples) running.delete(taskId);
    if (running.size === 0) heardAll.abort();
  });
  try {
    await cell.clock.sleep(listenMs, AbortSignal.any([heardAll.signal, call.signal]));
  } finally {
    subscription.unsubscribe();
  }
  call.signal.throwIfAborted();
}
