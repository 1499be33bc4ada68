import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { createRegistry } from '@berth/shared/process/metrics';
import { type Random, systemRandom } from '@berth/shared/process/random';
import { type StatusServer, startStatusServer } from '@berth/shared/process/status-server';
import { createHealth } from '@berth/shared/rpc/builtin/health';
import { type GrpcServer, startGrpcServer } from '@berth/shared/rpc/server/server';
import type { ReportOutbox } from '@berth/store';
import type { Registry } from 'prom-client';
import { agentIds, agentOffer, hostSettings } from './agent-options.js';
import type { AgentStore } from './cell/agent-store.js';
import { CellGuard } from './cell/cell-guard.js';
import { containerOwners, type Owners, ownersOf } from './cell/container-owners.js';
import { agentRecord, capacityOf } from './cell/registration.js';
import { Reporter } from './cell/reporter.js';
import { type Agent, Session } from './cell/session.js';
import type { AgentConfig } from './config.js';
import { launchHistogram, registerGauges, samplerMetrics } from './metrics/agent-metrics.js';
import { Sampler } from './metrics/sampler.js';
import { Outage } from './primitives/outage.js';
import { TimerQueue } from './primitives/timer-queue.js';
import type { ContainerRuntime } from './runtime/contract/container-runtime.js';
import type { Engines } from './runtime/contract/runtime-kind.js';
import { Worker } from './tasks/worker.js';

interface AgentsOptions {
  readonly config: AgentConfig;
  readonly store: AgentStore;
  /** They outlive the agents. */
  readonly engines: Pick<Engines, 'engineOf'>;
  readonly log: Logger;
  /** Agents in this process. The id of one is BERTH_AGENT_ID; the ids of several have a number after it. */
  readonly count?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** The agents of one process at work. */
export interface AgentHandle {
  readonly agentIds: readonly string[];
  readonly httpPort: number;
  readonly grpcPort: number;
  /**
   * Resolves once every agent is registered and holds its assignments. Does not reject: it waits until then.
   */
  readonly ready: Promise<void>;
  /** Returns the reason why the agents cannot do their work now. Undefined if they can. */
  isReady(): string | undefined;
  /** Leaves the containers running. The store and the engines stay open. */
  close(): Promise<void>;
}

/** One agent before its start. */
interface AgentSpec {
  readonly agentId: string;
  readonly runtime: ContainerRuntime;
}

/** The parts that the agents of one process share. */
interface AgentProcess {
  readonly config: AgentConfig;
  readonly store: AgentStore;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: TimerQueue;
  readonly outage: Outage;
  readonly guard: CellGuard;
  readonly reporter: Reporter;
  readonly registry: Registry;
  readonly grpc: GrpcServer;
  readonly incarnation: string;
  readonly startedAtMs: number;
  onLaunch(latencyMs: number): void;
}

/**
 * The next run of the agent sees the same containers. So it sends the reports that are not stored in this
 * time.
 */
const flushLimitMs = 2_000;
const grpcGraceMs = 1_000;
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/**
 * Starts the agents of this process. Resolves as soon as they listen; then they wait for the store and for
 * their engines. The agents share their connections, heartbeats and reports. Rejects with one sentence if an
 * address is taken.
 */
export async function startAgents(options: AgentsOptions): Promise<AgentHandle> {
  const { config, engines, log, count = 1 } = options;
  const health = createHealth([], { log });
  const grpc = await startGrpcServer({ address: config.BERTH_AGENT_GRPC, services: [], health, log });
  const specs = agentIds(config, count).map((agentId) => ({ agentId, runtime: engines.engineOf(agentId) }));
  const agents: Agent[] = [];
  const shared = createProcess(options, { grpc, owners: () => ownersOf(agents) });
  agents.push(...specs.map((spec) => createAgent(shared, spec)));
  const workers = agents.map(({ worker }) => worker);
  registerGauges(shared.registry, { workers, reporter: shared.reporter, guard: shared.guard });
  const session = createSession(shared, agents);
  const sampler = createSampler(shared, specs, workers);
  const isReady = () =>
    shared.outage.why ??
    shared.guard.held ??
    workers.find((worker) => worker.outage)?.outage ??
    session.waitingFor;
  const closeAll = () => closeProcess(shared, { session, sampler, workers });
  const http = await startHttp(shared, isReady).catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  return {
    agentIds: specs.map(({ agentId }) => agentId),
    httpPort: http.port,
    grpcPort: grpc.port,
    ready: session.ready.then(() => health.setServing(true)),
    isReady,
    close: async () => {
      await http.close();
      await closeAll();
    },
  };
}

function createProcess(
  { config, store, log, clock = systemClock, random = systemRandom }: AgentsOptions,
  { grpc, owners }: { readonly grpc: GrpcServer; readonly owners: () => Promise<Owners | undefined> },
): AgentProcess {
  const registry = createRegistry('agent');
  const latency = launchHistogram(registry);
  const outage = new Outage(log, 'Redis', 'containers keep running, and their events are reported later');
  const guard = new CellGuard({ store, owners, adopted: config.BERTH_AGENT_ADOPT_CELL, log });
  const outbox: ReportOutbox = {
    publish: async (reports) => {
      await guard.passed();
      await store.publish(reports);
    },
  };
  return {
    config,
    store,
    log,
    clock,
    random,
    outage,
    guard,
    registry,
    grpc,
    timers: new TimerQueue(clock),
    reporter: new Reporter({ outbox, clock, random, outage }),
    incarnation: random.uuid(),
    startedAtMs: clock.nowMs(),
    onLaunch: (latencyMs) => latency.observe(latencyMs / 1000),
  };
}

function createAgent(shared: AgentProcess, { agentId, runtime }: AgentSpec): Agent {
  const { config, log, clock, guard, timers, reporter, incarnation, startedAtMs, onLaunch } = shared;
  const offer = agentOffer(config);
  const worker = new Worker({
    host: { ...hostSettings(config, agentId), cellId: () => guard.cellId },
    runtime,
    timers,
    clock,
    log,
    capacityOf: (info) => capacityOf(offer.capacity, info),
    report: (report) => reporter.report(report),
    launchLimit: config.BERTH_AGENT_LAUNCH_LIMIT,
    maxKillGraceMs: config.BERTH_AGENT_MAX_KILL_GRACE,
    onLaunch,
  });
  const identity = { agentId, incarnation, startedAtMs, version, grpcPort: shared.grpc.port };
  return {
    worker,
    owners: () => containerOwners(runtime, worker),
    describe: async () => {
      const info = await worker.info();
      return info && agentRecord(offer, identity, info);
    },
  };
}

function createSession(shared: AgentProcess, agents: readonly Agent[]): Session {
  const { config, store, guard, outage, clock, random, log } = shared;
  return new Session({
    agents,
    store,
    guard,
    feed: config.BERTH_AGENT_ID,
    outage,
    clock,
    random,
    log,
    heartbeatMs: config.BERTH_AGENT_HEARTBEAT,
    resyncMs: config.BERTH_AGENT_RESYNC,
    runtimeSilenceMs: config.BERTH_AGENT_RUNTIME_SILENCE,
  });
}

function createSampler(
  { config, store, clock, random, log, registry }: AgentProcess,
  specs: readonly AgentSpec[],
  workers: readonly Worker[],
): Sampler {
  const agents = specs.map(({ agentId, runtime }, index) => ({
    agentId,
    runtime,
    views: () => workers[index]?.views() ?? [],
  }));
  const intervalMs = config.BERTH_AGENT_SAMPLE_INTERVAL;
  return new Sampler({
    agents,
    outbox: store,
    clock,
    random,
    log,
    intervalMs,
    metrics: samplerMetrics(registry),
  });
}

function startHttp(
  { config, log, registry }: AgentProcess,
  isReady: () => string | undefined,
): Promise<StatusServer> {
  return startStatusServer({ address: config.BERTH_AGENT_HTTP, isReady, registry, log });
}

interface RunningParts {
  readonly session: Session;
  readonly sampler: Sampler;
  readonly workers: readonly Worker[];
}

async function closeProcess(
  { timers, reporter, grpc }: AgentProcess,
  { session, sampler, workers }: RunningParts,
): Promise<void> {
  for (const worker of workers) worker.close();
  timers.close();
  await Promise.all([
    session.close(),
    sampler.close(),
    reporter.close(flushLimitMs),
    grpc.close(grpcGraceMs),
  ]);
}
