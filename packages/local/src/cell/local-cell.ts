import { join } from 'node:path';
import { parseRedisUrl } from '@berth/store/redis';
import { openContainerRelay } from '../engine/container-relay.js';
import type { Lifetime } from '../machine/lifetime.js';
import { createLifetime } from '../machine/lifetime.js';
import { berthDir } from '../machine/paths.js';
import type { PortName } from '../machine/ports.js';
import { silentProgress } from '../output/progress.js';
import { SetupError } from '../output/setup-error.js';
import { obtainRedisBinary } from '../redis/redis-binary.js';
import { whyRedisDoesNotServe } from '../redis/redis-ping.js';
import { removeContainers, runsDir } from './cell-cleanup.js';
import type { CellPlan, CellSettings, GatewayAddresses } from './cell-plan.js';
import { planOnFreePorts, withFreshPorts } from './cell-ports.js';
import type { CellProcess, RunPaths } from './cell-processes.js';
import { plannedProcess, redisProcess, startAll } from './cell-processes.js';
import { defaultRuntime, usesEngine } from './local-runtimes.js';
import type { RunDir } from './run-dir.js';
import { createRunDir } from './run-dir.js';
import type { ServiceKind } from './service-process.js';

export interface LocalCellOptions {
  /** The cell's name; the default is `local`. */
  readonly cell?: string;
  /** A Redis that runs already. By default the cell starts its own Redis, with no data. */
  readonly redisUrl?: string;
  /** The path of the `redis-server` for the cell's own Redis. By default it is found or fetched. */
  readonly redisBinary?: string;
  /** The engine of the agents, in the form of DOCKER_HOST. The docker runtime needs it. */
  readonly dockerHost?: string;
  /** The default is `docker`. */
  readonly runtime?: string;
  /** The number of processes of each service; the default is 1. */
  readonly counts?: Partial<Record<ServiceKind, number>>;
  /** Added to the environment of every service of a kind. */
  readonly env?: CellSettings['extraEnv'];
  /**
   * Lets containers on the engine's bridge reach the first gateway over HTTP. The masters give containers of
   * stages that address. It opens a port beyond loopback, without TLS.
   */
  readonly admitsContainers?: boolean;
  /** Uses the documented ports that are free. All other ports are any free ones, as they are by default. */
  readonly documentedPorts?: boolean;
  /** The directory of the cell's data while it runs; the default is `.berth/`. */
  readonly home?: string;
  /**
   * The directory of the processes' logs, `NAME.log`. By default it is the run's own directory, which goes
   * with the run.
   */
  readonly logsDir?: string;
  /** Ends a start that is under way and stops everything that it has started. */
  readonly signal?: AbortSignal;
}

/** A whole cell that runs on this machine. */
export interface LocalCell {
  readonly cell: string;
  readonly redisUrl: string;
  readonly dockerHost: string | undefined;
  /** The first gateway. */
  readonly api: GatewayAddresses;
  readonly gateways: readonly GatewayAddresses[];
  readonly agentIds: readonly string[];
  /**
   * The HTTP address of the first gateway for containers on the engine's bridge; undefined if they cannot
   * reach it.
   */
  readonly containersApiUrl: string | undefined;
  /** The port of each address of the first process of each kind. */
  readonly ports: Readonly<Record<PortName, number>>;
  readonly logsDir: string;
  /**
   * The names for `kill` and `restart`: `redis` (if it is the cell's own), `api`, `master`, `agent`,
   * `agent-2`, …
   */
  names(): string[];
  /** The id of a process; undefined while it does not run. */
  pid(name: string): number | undefined;
  /** Sends SIGKILL, like a crash. Resolves when the process is gone. */
  kill(name: string): Promise<void>;
  /** Starts a killed process with the same addresses and data. Resolves when it is ready. */
  restart(name: string): Promise<void>;
  /** Ends all processes, and removes the agents' containers and the data. It can be called again. */
  stop(): Promise<void>;
}

/**
 * Starts Redis (unless one is given), gateways, masters and agents. Resolves when all of them are ready. If
 * another process takes a port in the meantime, it starts again with other ports. If
 * one of them does not start, it rejects with a `SetupError` and leaves nothing behind.
 */
export function startCell(options: LocalCellOptions = {}): Promise<LocalCell> {
  return withFreshPorts(() => startOnce(options));
}

async function startOnce(options: LocalCellOptions): Promise<LocalCell> {
  const lifetime = createLifetime();
  try {
    return await start(options, lifetime);
  } catch (error) {
    await lifetime.close();
    throw error;
  }
}

async function start(options: LocalCellOptions, lifetime: Lifetime): Promise<LocalCell> {
  const run = await createRunDir(runsDir(options.home ?? berthDir));
  lifetime.defer(() => run.remove());
  const at = { run, logsDir: options.logsDir ?? join(run.path, 'logs') };
  const redis = options.redisUrl === undefined ? await ownRedis(options, at) : undefined;
  if (redis !== undefined) lifetime.defer(redis.stop);
  const redisUrl = redis?.url ?? (await givenRedis(options.redisUrl ?? ''));
  options.signal?.throwIfAborted();
  const relay =
    options.admitsContainers === true && options.dockerHost !== undefined
      ? await openContainerRelay(options.dockerHost)
      : undefined;
  if (relay !== undefined) lifetime.defer(relay.close);
  const containersApiUrl = relay && `http://${relay.address}`;
  const settings = {
    ...settingsOf(options, redisUrl, run.id),
    ...(containersApiUrl === undefined ? {} : { containersApiUrl }),
  };
  const { plan, ports } = await planOnFreePorts(settings, options.documentedPorts ?? false);
  const [api] = plan.gateways;
  if (api === undefined) throw new Error('a cell needs a gateway');
  relay?.relayTo(ports.apiHttp);
  // The containers go after the agents. Otherwise the agents would report the ends of the containers.
  await deferContainers(plan, settings, { run, lifetime });
  const services = plan.services.map((service) => plannedProcess(service, at));
  lifetime.defer(async () => void (await Promise.all(services.map((service) => service.stop()))));
  await startAll(services, options.signal);
  return {
    ...{ cell: settings.cell, redisUrl, dockerHost: settings.dockerHost, logsDir: at.logsDir },
    ...{ api, gateways: plan.gateways, agentIds: plan.agentIds, containersApiUrl, ports },
    ...controls(redis === undefined ? services : [redis, ...services]),
    stop: () => lifetime.close(),
  };
}

function controls(processes: readonly CellProcess[]): Pick<LocalCell, 'names' | 'pid' | 'kill' | 'restart'> {
  const names = processes.map((cellProcess) => cellProcess.name);
  const cellProcess = (name: string): CellProcess => {
    const found = processes.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`the cell has no ${name}; it has ${names.join(', ')}`);
    return found;
  };
  return {
    names: () => names,
    pid: (name) => cellProcess(name).pid(),
    kill: async (name) => cellProcess(name).kill(),
    restart: async (name) => cellProcess(name).restart(),
  };
}

async function ownRedis(options: LocalCellOptions, at: RunPaths) {
  const binary = options.redisBinary ?? (await obtainRedisBinary(options.home ?? berthDir, silentProgress));
  return redisProcess(binary, at);
}

function settingsOf(options: LocalCellOptions, redisUrl: string, runId: string): CellSettings {
  const runtime = options.runtime ?? defaultRuntime;
  if (usesEngine(runtime) && options.dockerHost === undefined) {
    throw new SetupError(`A cell with the ${runtime} runtime needs the address of a Docker engine.`);
  }
  return {
    cell: options.cell ?? 'local',
    redisUrl,
    dockerHost: options.dockerHost,
    runtime,
    counts: { api: 1, master: 1, agent: 1, ...options.counts },
    agentIdPrefix: `agent-${runId}`,
    extraEnv: options.env ?? {},
  };
}

async function givenRedis(url: string): Promise<string> {
  const why = await whyRedisDoesNotServe(url);
  if (why === undefined) return url;
  throw new SetupError(
    `The Redis at ${parseRedisUrl(url).name} does not serve: ${why}. Start it, or unset BERTH_REDIS_URL to have one started.`,
  );
}

async function deferContainers(
  plan: CellPlan,
  settings: CellSettings,
  at: { run: RunDir; lifetime: Lifetime },
) {
  const { dockerHost, runtime, cell } = settings;
  if (!usesEngine(runtime) || dockerHost === undefined) return;
  for (const agentId of plan.agentIds) {
    const containers = { dockerHost, cell, agentId };
    await at.run.noteContainers(containers);
    at.lifetime.defer(() => removeContainers(containers));
  }
}
