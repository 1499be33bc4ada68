/** Creates the services of a gateway from its dependencies. */
import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import type { Closeable } from '@berth/shared/process/service';
import type { CallOptions } from '@berth/shared/rpc/calls/handlers';
import type { GrpcService } from '@berth/shared/rpc/server/server';
import type { CellStore } from '@berth/store';
import type { Cell } from './gateway/cell.js';
import type { OpenStream } from './gateway/metrics.js';
import type { RateLimiter } from './gateway/rate-limiter.js';
import { StageStatuses } from './observe/stages/stage-status.js';
import { ObserveHub } from './observe/stream/observe-hub.js';
import { SilenceBreaker } from './observe/stream/silence.js';
import { clusterFeed, jobFeed } from './observe/titus/feeds.js';
import { ObserverHeartbeats } from './observe/titus/observer-heartbeats.js';
import { LiveLedger } from './queries/live-ledger.js';
import { agentService } from './services/agent-service.js';
import { jobManagementService } from './services/job-management-service.js';
import { jobV1Service } from './services/job-v1-service.js';
import { observeService, openCellObserve } from './services/observe-service.js';
import { placementService } from './services/placement-service.js';
import { scalingService } from './services/scaling-service.js';
import { scheduleService } from './services/schedule-service.js';
import { stageService } from './services/stage-service.js';
import type { ObserveTuning } from './tuning/observe-tuning.js';

/** The dependencies of all services. */
interface ServicesDeps {
  readonly cell: Cell;
  readonly tuning: ObserveTuning;
  readonly store: CellStore;
  readonly streams: Set<OpenStream>;
  readonly limiter: RateLimiter;
  /** The fit policy of the masters. */
  readonly fitPolicy: FitPolicy;
  /** The longest time without a message on a stream that has no bookmarks. 0: no limit. */
  readonly longestSilenceMs: number;
  readonly callOptions: CallOptions;
}

/** Every service of a gateway's main port. */
interface Services extends Readonly<Record<string, GrpcService>> {
  /** netflix.titus.JobManagementService. */
  readonly service: GrpcService;
  /** berth.v1.ObserveService, and so on. */
  readonly observe: GrpcService;
  readonly placement: GrpcService;
  readonly stages: GrpcService;
  readonly schedules: GrpcService;
  readonly scaling: GrpcService;
  readonly agents: GrpcService;
  /** job.v1.JobService, which also has a port of its own. */
  readonly jobV1: GrpcService;
}

/** Creates the services. Resources that must be closed with the gateway are added to `opened`. */
export function openServices(deps: ServicesDeps, opened: Closeable[]): Services {
  const { cell, tuning, store, streams, limiter, callOptions } = deps;
  const options: CallOptions = { ...callOptions, admit: limiter.admitCall };
  const { replica, clock } = cell;
  const { log } = callOptions;
  const jobs = new ObserveHub(jobFeed, replica, log, tuning.subscribersPerTurn);
  const clusters = new ObserveHub(clusterFeed, replica, log, tuning.subscribersPerTurn);
  opened.push({ name: 'observe hub', close: () => jobs.close() });
  opened.push({ name: 'observe hub of clusters', close: () => clusters.close() });
  const ledger = new LiveLedger(replica, clock);
  opened.push({ name: 'agent ledger', close: async () => ledger.close() });
  const openLogReader = () => store.openLogReader();
  const cellObserving = openCellObserve({ cell, tuning, openLogReader, clock, streams, log });
  opened.push(cellObserving);
  const heartbeats = new ObserverHeartbeats(store, log);
  opened.push({ name: 'heartbeats of observed jobs', close: async () => heartbeats.close() });
  const { longestSilenceMs } = deps;
  const silence = new SilenceBreaker(longestSilenceMs);
  opened.push({ name: 'empty notifications', close: async () => silence.close() });
  const stageStatuses = new StageStatuses(replica, jobs);
  return {
    service: jobManagementService({ cell, tuning, jobs, clusters, streams, heartbeats, silence }, options),
    observe: observeService(cellObserving, options),
    placement: placementService({ cell, ledger, longestSilenceMs, fitPolicy: deps.fitPolicy }, options),
    stages: stageService({ cell, stageStatuses, streams, silence }, options),
    schedules: scheduleService({ cell }, options),
    scaling: scalingService({ cell, openSampleFeed: () => store.openSampleFeed() }, options),
    agents: agentService({ cell, ledger }, options),
    jobV1: jobV1Service({ cell, limiter }, options),
  };
}
