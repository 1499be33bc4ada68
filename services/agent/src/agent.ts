import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { type StatusServer, startStatusServer } from '@berth/shared/process/status-server';
import { createHealth } from '@berth/shared/rpc/health';
import { type GrpcServer, startGrpcServer } from '@berth/shared/rpc/server';
import type { Registry } from 'prom-client';
import type { AgentStore } from './cell/agent-store.js';
import { agentRecord, capacityOf } from './cell/registration.js';
import { Reporter } from './cell/reporter.js';
import { type Member, Session } from './cell/session.js';
import type { AgentConfig } from './config.js';
import { launchHistogram, registerGauges, samplerMetrics } from './metrics/agent-metrics.js';
import { Sampler } from './metrics/sampler.js';
import { Outage } from './primitives/outage.js';
import { TimerQueue } from './primitives/timer-queue.js';
import type { ContainerRuntime } from './runtime/contract/container-runtime.js';
import { SimulatedEngines } from './runtime/simulated/simulated-runtime.js';
import { Worker } from './tasks/worker.js';

export interface AgentOptions {
  readonly config: AgentConfig;
  readonly store: AgentStore;
  readonly runtime: ContainerRuntime;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface FleetOptions extends Omit<AgentOptions, 'runtime'> {
  /** Agents in this process; their ids are BERTH_AGENT_ID and a number. */
  readonly count: number;
  /** Engines that outlive the fleet; without them, it has its own. */
  readonly engines?: SimulatedEngines;
}

/** One agent, or a fleet of them, at work. */
export interface AgentHandle {
  readonly agentIds: readonly string[];
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Resolves once every agent is registered and holds its assignments. Does not reject: it lasts until it succeeds. */
  readonly ready: Promise<void>;
  /** Why it cannot do its work now; undefined when it can. */
  isReady(): string | undefined;
  /** Leaves the containers running. The store and the runtime stay open. */
  close(): Promise<void>;
}

/** Where an agent's process stands in its cell, and what its agents share. */
interface Crew {
  readonly options: Omit<AgentOptions, 'runtime'>;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly reporter: Reporter;
  readonly registry: Registry;
  readonly incarnation: string;
  readonly startedAtMs: number;
  readonly grpcPort: number;
  onLaunch(latencyMs: number): void;
}

/** Reports that are not stored by then are left to the next run, which sees the same containers. */
const flushLimitMs = 2_000;
const grpcGraceMs = 1_000;
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/**
 * Starts one agent. Resolves as soon as it listens; Redis and the engine may still be away, which it waits for.
 * Rejects with one sentence when an address cannot be had.
 */
export function startAgent({ runtime, ...options }: AgentOptions): Promise<AgentHandle> {
  return start(options, [{ agentId: options.config.BERTH_AGENT_ID, runtime }]);
}

/** Starts many agents with simulated engines in this process; they share their connections, beats and reports. */
export async function startSimulatedFleet({
  count,
  engines,
  ...options
}: FleetOptions): Promise<AgentHandle> {
  const own = engines ?? new SimulatedEngines(options.clock);
  const ids = Array.from({ length: count }, (_, index) =>
    fleetAgentId(options.config.BERTH_AGENT_ID, count, index),
  );
  const handle = await start(
    options,
    ids.map((agentId) => ({ agentId, runtime: own.engineOf(agentId) })),
  );
  const close = async () => {
    await handle.close();
    if (engines === undefined) own.close();
  };
  return { ...handle, close };
}

function fleetAgentId(base: string, count: number, index: number): string {
  return count === 1 ? base : `${base}-${index + 1}`;
}

interface Seat {
  readonly agentId: string;
  readonly runtime: ContainerRuntime;
}

async function start(options: Omit<AgentOptions, 'runtime'>, seats: readonly Seat[]): Promise<AgentHandle> {
  const { config, store, log, clock = systemClock } = options;
  const health = createHealth([], { log });
  const grpc = await startGrpcServer({ address: config.BERTH_AGENT_GRPC, services: [], health, log });
  const registry = createRegistry('agent');
  const latency = launchHistogram(registry);
  const outage = new Outage(
    log,
    'Redis',
    'containers keep running, and what happens to them is reported later',
  );
  const reporter = new Reporter({ outbox: store, clock, outage });
  const crew: Crew = {
    options,
    clock,
    reporter,
    registry,
    timers: new TimerQueue(clock),
    incarnation: randomUUID(),
    startedAtMs: clock.nowMs(),
    grpcPort: grpc.port,
    onLaunch: (latencyMs) => latency.observe(latencyMs / 1000),
  };
  const members = seats.map((seat) => createMember(crew, seat));
  const workers = members.map(({ worker }) => worker);
  registerGauges(registry, { workers, reporter });
  const session = new Session({
    members,
    store,
    feed: config.BERTH_AGENT_ID,
    outage,
    clock,
    log,
    heartbeatMs: config.BERTH_AGENT_HEARTBEAT,
    resyncMs: config.BERTH_AGENT_RESYNC,
    runtimeSilenceMs: config.BERTH_AGENT_RUNTIME_SILENCE,
  });
  const sampler = createSampler(crew, seats, workers);
  const isReady = () => outage.why ?? workers.find((worker) => worker.outage)?.outage ?? session.waitingFor;
  const closeAll = () => closeCrew(crew, { session, sampler, workers, grpc });
  const http = await startHttp(crew, isReady).catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  const ready = session.ready.then(() => health.setServing(true));
  return {
    agentIds: seats.map(({ agentId }) => agentId),
    httpPort: http.port,
    grpcPort: grpc.port,
    ready,
    isReady,
    close: async () => {
      await http.close();
      await closeAll();
    },
  };
}

function startHttp({ options, registry }: Crew, isReady: () => string | undefined): Promise<StatusServer> {
  const { config, log } = options;
  return startStatusServer({ address: config.BERTH_AGENT_HTTP, isReady, registry, log });
}

function createMember(crew: Crew, { agentId, runtime }: Seat): Member {
  const { options, clock, timers, reporter, incarnation, startedAtMs, grpcPort, onLaunch } = crew;
  const { config, log } = options;
  const worker = new Worker({
    host: {
      cell: config.BERTH_CELL,
      agentId,
      network: config.BERTH_AGENT_NETWORK,
      portBind: config.BERTH_AGENT_PORT_BIND,
      passesGpus: config.BERTH_AGENT_GPU_DRIVER === 'nvidia',
      allowsPrivileged: config.BERTH_AGENT_ALLOW_PRIVILEGED,
      allowsHostNetwork: config.BERTH_AGENT_ALLOW_HOST_NETWORK,
      allowsUnconfined: config.BERTH_AGENT_ALLOW_UNCONFINED,
      allowedCapabilities: config.BERTH_AGENT_ALLOW_CAPABILITIES,
    },
    runtime,
    timers,
    clock,
    log,
    capacityOf: (info) => capacityOf(config, info),
    report: (report) => reporter.report(report),
    onLaunch,
  });
  const identity = { agentId, incarnation, startedAtMs, version, grpcPort };
  return {
    worker,
    describe: async () => {
      const info = await worker.info();
      return info && agentRecord(config, identity, info);
    },
  };
}

function createSampler(
  { options, clock, registry }: Crew,
  seats: readonly Seat[],
  workers: readonly Worker[],
): Sampler {
  const { config, store, log } = options;
  const agents = seats.map(({ agentId, runtime }, index) => ({
    agentId,
    runtime,
    views: () => workers[index]?.views() ?? [],
  }));
  const intervalMs = config.BERTH_AGENT_SAMPLE_INTERVAL;
  return new Sampler({ agents, outbox: store, clock, log, intervalMs, metrics: samplerMetrics(registry) });
}

interface Running {
  readonly session: Session;
  readonly sampler: Sampler;
  readonly workers: readonly Worker[];
  readonly grpc: GrpcServer;
}

async function closeCrew(crew: Crew, { session, sampler, workers, grpc }: Running): Promise<void> {
  for (const worker of workers) worker.close();
  crew.timers.close();
  await Promise.all([
    session.close(),
    sampler.close(),
    crew.reporter.close(flushLimitMs),
    grpc.close(grpcGraceMs),
  ]);
}
