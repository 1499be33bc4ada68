import { createImageResolver } from '@berth/registry';
import type { ListenAddress } from '@berth/shared/process/address';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import { readAll } from '@berth/shared/process/config';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { systemRandom } from '@berth/shared/process/random';
import { type Closeable, closeAll } from '@berth/shared/process/service';
import { readTls, type Tls } from '@berth/shared/process/tls';
import { believe } from '@berth/shared/rpc/access/authenticate';
import { createHealth } from '@berth/shared/rpc/builtin/health';
import type { CallOptions } from '@berth/shared/rpc/calls/handlers';
import { type GrpcServer, type GrpcService, startGrpcServer } from '@berth/shared/rpc/server/server';
import type { CellStore } from '@berth/store';
import { type Replica, startReplica } from '@berth/store/replica';
import { authentication, connectionOptions, type GatewayConfig, writePolicy } from './config.js';
import { Cell } from './gateway/cell.js';
import { createGatewayMetrics, type OpenStream } from './gateway/metrics.js';
import { RateLimiter } from './gateway/rate-limiter.js';
import { logSlowStreams } from './gateway/slow-streams.js';
import { PointInTimeViews } from './gateway/views/point-in-time-view.js';
import { type HttpServer, startHttpServer } from './http/http-server.js';
import { warmUpSteps } from './observe/warm-up-steps.js';
import { openServices } from './services.js';
import { tuningOf } from './tuning/observe-tuning.js';
import { warmUp } from './tuning/warm-up.js';

/** Calls in progress have this long to end after the gateway began to close. */
const closeGraceMs = 3_000;

interface GatewayOptions {
  readonly config: GatewayConfig;
  /** The gateway waits for a store that is still connecting, and /healthz says so. */
  readonly store: CellStore | Promise<CellStore>;
  readonly log: Logger;
  readonly clock?: Clock;
  /** Ends the start. */
  readonly signal?: AbortSignal;
}

export interface Gateway {
  readonly grpcPort: number;
  readonly jobv1Port: number;
  readonly httpPort: number;
  /**
   * Health becomes NOT_SERVING, streams end with UNAVAILABLE, and calls in progress have {@link closeGraceMs}
   * to end.
   */
  close(): Promise<void>;
}

/**
 * Starts a gateway and resolves when it serves calls. Before it has read the store, /healthz says so. The
 * store stays open when the gateway closes.
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
  const { config, log, clock = systemClock } = options;
  const registry = createRegistry('gateway');
  const { tls, authenticate } = readAll({
    tls: () => readTls(config),
    authenticate: () => authentication(config),
  });
  let whyWaiting = 'Redis has not answered yet';
  /** Set once the gateway serves calls: only then is it ready. */
  let served: Replica | undefined;
  const http = await startHttpServer({
    address: config.BERTH_API_HTTP,
    status: { isReady: () => (served === undefined ? whyWaiting : whyNotReady(served)), registry, log },
    log,
    tls,
  });
  opened.push({ name: 'HTTP server', close: () => http.close() });

  const store = await options.store;
  whyWaiting = 'the state of the cell has not been read yet';
  const { signal } = options;
  const replica = await startReplica(store, { log, ...(signal && { signal }) });
  opened.push({ name: 'replica', close: () => replica.close() });
  whyWaiting = 'the gRPC servers do not listen yet';
  // These must subscribe to the replica before everything else.
  const pointInTimeViews = new PointInTimeViews(replica);
  opened.push({ name: 'point-in-time views', close: async () => pointInTimeViews.close() });
  const streams = new Set<OpenStream>();
  const cell = new Cell({
    replica,
    store,
    clock,
    random: systemRandom,
    metrics: createGatewayMetrics(registry, streams, replica),
    images: createImageResolver(config, { clock, log }),
    pointInTimeViews,
  });
  const shutdown = new AbortController();
  const callOptions: CallOptions = { log, registry, shutdown: shutdown.signal, authenticate };
  const servers: GrpcServer[] = [];
  const tuning = tuningOf(config.BERTH_API_TUNING);
  if (tuning.warmsUp) warmUp(warmUpSteps(tuning));
  const limiter = new RateLimiter(writePolicy(config), clock);
  const fitPolicy = config.BERTH_MASTER_FIT_POLICY;
  const longestSilenceMs = config.BERTH_API_TITUS_IDLE;
  const deps = { cell, tuning, store, streams, limiter, fitPolicy, longestSilenceMs, callOptions };
  const services = openServices(deps, opened);
  const stopNaming = logSlowStreams(streams, log);
  opened.push({ name: 'names of slow callers', close: async () => stopNaming() });
  opened.push({ name: 'gRPC servers', close: () => closeServers(servers, http, shutdown) });
  const listen = async (address: ListenAddress, offered: readonly GrpcService[]) => {
    const server = await startServer(address, offered, { shutdown, callOptions, config, tls });
    servers.push(server);
    return server;
  };
  const grpc = await listen(config.BERTH_API_GRPC, Object.values(services));
  const jobv1 = await listen(config.BERTH_API_JOBV1, [services.jobV1]);
  http.serve({ ...services, clock, log, tuning, revision: () => replica.revision });
  served = replica;
  return {
    grpcPort: grpc.port,
    jobv1Port: jobv1.port,
    httpPort: http.port,
    close: once(() => closeAll(opened, log)),
  };
}

function whyNotReady(replica: Replica): string | undefined {
  if (!replica.isConnected) return 'the change log cannot be read';
  return replica.lagging ? 'the replica is behind the change log' : undefined;
}

/** Shared by all servers of a gateway. */
interface Serving {
  readonly shutdown: AbortController;
  readonly callOptions: CallOptions;
  readonly config: GatewayConfig;
  readonly tls: Tls | undefined;
}

async function startServer(
  address: ListenAddress,
  services: readonly GrpcService[],
  { shutdown, callOptions, config, tls }: Serving,
): Promise<GrpcServer> {
  const health = createHealth(
    services.map(({ definition }) => definition),
    // The health of a gateway is no secret: a probe needs no token.
    { ...callOptions, authenticate: believe },
  );
  const { log } = callOptions;
  const options = connectionOptions(config);
  const secured = tls === undefined ? {} : { tls };
  const server = await startGrpcServer({ address, services, health, shutdown, log, options, ...secured });
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
