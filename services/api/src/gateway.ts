import { JobServiceService } from '@berth/shared/gen/job/v1/job_service';
import type { ListenAddress } from '@berth/shared/process/address';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { type Closeable, closeAll } from '@berth/shared/process/service';
import type { CallOptions } from '@berth/shared/rpc/handlers';
import { createHealth } from '@berth/shared/rpc/health';
import { type GrpcServer, type GrpcService, startGrpcServer } from '@berth/shared/rpc/server';
import { withUnimplemented } from '@berth/shared/rpc/unimplemented';
import type { CellStore } from '@berth/shared/store/cell-store';
import { Replica } from '@berth/shared/store/replica';
import { Cell } from './cell.js';
import { connectionOptions, type GatewayConfig, writePolicy } from './config.js';
import { clusterFeed, jobFeed } from './feeds.js';
import { type HttpServer, startHttpServer } from './http/http-server.js';
import { createImageResolver } from './images/create-resolver.js';
import { jobManagementService } from './job-service.js';
import { createGatewayMetrics, type OpenStream } from './metrics.js';
import { ObserveHub } from './observe-hub.js';
import { observeService, openCellObserving } from './observe-service/service.js';
import { LiveLedger } from './placement/live-ledger.js';
import { placementService } from './placement/service.js';
import { RateLimiter } from './rate-limiter.js';

/** Calls in progress have this long to end when the gateway closes. */
export const closeGraceMs = 3_000;

export interface GatewayOptions {
  readonly config: GatewayConfig;
  readonly store: CellStore;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Ends the start. */
  readonly signal?: AbortSignal;
}

export interface Gateway {
  readonly grpcPort: number;
  readonly jobv1Port: number;
  readonly httpPort: number;
  /** Health says NOT_SERVING, streams end with UNAVAILABLE, calls in progress get {@link closeGraceMs}. */
  close(): Promise<void>;
}

/**
 * Starts a gateway and resolves when it takes calls. Until the store has been read it tells so on /healthz. The store
 * stays open when the gateway closes.
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const opened: Closeable[] = [];
  try {
    return await open(options, opened);
  } catch (error) {
    await closeAll(opened, options.log);
    throw error;
  }
}

async function open(options: GatewayOptions, opened: Closeable[]): Promise<Gateway> {
  const { config, store, log, clock = systemClock } = options;
  const registry = createRegistry('gateway');
  let replica: Replica | undefined;
  const http = await startHttpServer({
    address: config.BERTH_API_HTTP,
    status: { isReady: () => whyNotReady(replica), registry, log },
    log,
  });
  opened.push({ name: 'HTTP server', close: () => http.close() });

  replica = await startReplica(options);
  const held = replica;
  opened.push({ name: 'replica', close: () => held.close() });
  const jobs = new ObserveHub(jobFeed, held, log);
  const clusters = new ObserveHub(clusterFeed, held, log);
  opened.push({ name: 'observe hub', close: () => jobs.close() });
  opened.push({ name: 'observe hub of clusters', close: () => clusters.close() });

  const streams = new Set<OpenStream>();
  const cell = new Cell({
    replica: held,
    store,
    clock,
    metrics: createGatewayMetrics(registry, streams, held),
    images: createImageResolver(config, clock, log),
  });
  const ledger = new LiveLedger(held);
  opened.push({ name: 'agent ledger', close: async () => ledger.close() });
  const openLogReader = () => store.openLogReader();
  const cellObserving = openCellObserving({ cell, openLogReader, clock, streams, log });
  opened.push(cellObserving);
  const shutdown = new AbortController();
  const callOptions: CallOptions = { log, registry, shutdown: shutdown.signal };
  const jobV1 = {
    definition: JobServiceService,
    implementation: withUnimplemented(JobServiceService, {}, callOptions),
  };
  const listen = (address: ListenAddress, services: readonly GrpcService[]) =>
    startServer(address, services, { shutdown, callOptions, config });
  const servers: GrpcServer[] = [];
  opened.push({ name: 'gRPC servers', close: () => closeServers(servers, http, shutdown) });
  const jobService = jobManagementService(
    { cell, jobs, clusters, streams, limiter: new RateLimiter(writePolicy(config), clock) },
    callOptions,
  );
  const observe = observeService(cellObserving, callOptions);
  const grpc = await listen(config.BERTH_API_GRPC, [
    jobService,
    observe,
    placementService({ cell, ledger }, callOptions),
    jobV1,
  ]);
  servers.push(grpc);
  const jobv1 = await listen(config.BERTH_API_JOBV1, [jobV1]);
  servers.push(jobv1);
  http.serve({ service: jobService, observe, clock, log, revision: () => held.revision });
  return {
    grpcPort: grpc.port,
    jobv1Port: jobv1.port,
    httpPort: http.port,
    close: once(() => closeAll(opened, log)),
  };
}

/** The start ends with the signal; once started, only close() ends the replica, so that calls in progress can end. */
async function startReplica({ store, log, signal }: GatewayOptions): Promise<Replica> {
  const starting = new AbortController();
  const abort = () => starting.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  try {
    return await Replica.start(store.openLogReader(), { log, signal: starting.signal });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function whyNotReady(replica: Replica | undefined): string | undefined {
  if (replica === undefined) return 'the state of the cell has not been read yet';
  if (!replica.isConnected) return 'the change log cannot be read';
  return replica.lagging ? 'the replica is behind the change log' : undefined;
}

/** What all of a gateway's servers share. */
interface Serving {
  readonly shutdown: AbortController;
  readonly callOptions: CallOptions;
  readonly config: GatewayConfig;
}

async function startServer(
  address: ListenAddress,
  services: readonly GrpcService[],
  { shutdown, callOptions, config }: Serving,
): Promise<GrpcServer> {
  const health = createHealth(
    services.map(({ definition }) => definition),
    callOptions,
  );
  const { log } = callOptions;
  const options = connectionOptions(config);
  const server = await startGrpcServer({ address, services, health, shutdown, log, options });
  health.setServing(true);
  return server;
}

async function closeServers(
  servers: readonly GrpcServer[],
  http: HttpServer,
  shutdown: AbortController,
): Promise<void> {
  shutdown.abort();
  await Promise.all([http.drain(closeGraceMs), ...servers.map((server) => server.close(closeGraceMs))]);
}

function once(close: () => Promise<void>): () => Promise<void> {
  let closing: Promise<void> | undefined;
  return () => {
    closing ??= close();
    return closing;
  };
}
