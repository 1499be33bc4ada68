/** The services of a gateway, over what it holds of the cell. */
import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import type { Closeable } from '@berth/shared/process/service';
import type { CallOptions } from '@berth/shared/rpc/handlers';
import type { GrpcService } from '@berth/shared/rpc/server';
import type { CellStore } from '@berth/store';
import { agentService } from './agents/service.js';
import type { Cell } from './cell.js';
import { clusterFeed, jobFeed } from './feeds.js';
import { jobManagementService } from './job-service.js';
import { jobV1Service } from './job-v1/service.js';
import type { OpenStream } from './metrics.js';
import { ObserveHub } from './observe-hub.js';
import { observeService, openCellObserving } from './observe-service/service.js';
import { LiveLedger } from './placement/live-ledger.js';
import { placementService } from './placement/service.js';
import type { RateLimiter } from './rate-limiter.js';
import { scalingService } from './scaling-service.js';
import { scheduleService } from './schedule-service.js';
import { stageService } from './stages/service.js';
import { StageBoards } from './stages/stage-board.js';
import { SubscriptionKeeper } from './subscription-keeper.js';

/** What the services work with. */
export interface ServiceParts {
  readonly cell: Cell;
  readonly store: CellStore;
  readonly streams: Set<OpenStream>;
  readonly limiter: RateLimiter;
  /** By which the masters place. */
  readonly fitPolicy: FitPolicy;
  readonly callOptions: CallOptions;
}

/** Every service of a gateway's main port. */
export interface Services extends Readonly<Record<string, GrpcService>> {
  /** netflix.titus.JobManagementService. */
  readonly service: GrpcService;
  /** berth.v1.ObserveService, and so on. */
  readonly observe: GrpcService;
  readonly placement: GrpcService;
  readonly stages: GrpcService;
  readonly schedules: GrpcService;
  readonly scaling: GrpcService;
  readonly agents: GrpcService;
  /** job.v1.JobService, which has a port of its own, too. */
  readonly jobV1: GrpcService;
}

/** Makes them; what has to be closed with the gateway is added to `opened`. */
export function openServices(parts: ServiceParts, opened: Closeable[]): Services {
  const { cell, store, streams, limiter, callOptions } = parts;
  const { replica, clock } = cell;
  const { log } = callOptions;
  const jobs = new ObserveHub(jobFeed, replica, log);
  const clusters = new ObserveHub(clusterFeed, replica, log);
  opened.push({ name: 'observe hub', close: () => jobs.close() });
  opened.push({ name: 'observe hub of clusters', close: () => clusters.close() });
  const ledger = new LiveLedger(replica);
  opened.push({ name: 'agent ledger', close: async () => ledger.close() });
  const openLogReader = () => store.openLogReader();
  const cellObserving = openCellObserving({ cell, openLogReader, clock, streams, log });
  opened.push(cellObserving);
  const subscriptions = new SubscriptionKeeper(store, log);
  opened.push({ name: 'subscriptions of jobs', close: async () => subscriptions.close() });
  const boards = new StageBoards(replica, jobs);
  return {
    service: jobManagementService({ cell, jobs, clusters, streams, subscriptions, limiter }, callOptions),
    observe: observeService(cellObserving, callOptions),
    placement: placementService({ cell, ledger, fitPolicy: parts.fitPolicy }, callOptions),
    stages: stageService({ cell, boards, streams, limiter }, callOptions),
    schedules: scheduleService({ cell, limiter }, callOptions),
    scaling: scalingService({ cell, openSampleFeed: () => store.openSampleFeed() }, callOptions),
    agents: agentService({ cell, ledger, limiter }, callOptions),
    jobV1: jobV1Service({ cell, limiter }, callOptions),
  };
}
