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
import type { Member, RunPaths } from './cell-members.js';
import { redisMember, serviceMember, startAll } from './cell-members.js';
import type { CellPlan, CellSettings, GatewayAddresses } from './cell-plan.js';
import { planOnFreePorts } from './cell-ports.js';
import type { RunDir } from './run-dir.js';
import { createRunDir } from './run-dir.js';
import type { ServiceKind } from './service-process.js';

export interface CellOptions {
  /** The cell's name; `local` where absent. */
  readonly cell?: string;
  /** A Redis that runs already. Where absent, one of the cell's own is started, with no data. */
  readonly redisUrl?: string;
  /** The path of the `redis-server` for a Redis of the cell's own; where absent, one is found or fetched. */
  readonly redisBinary?: string;
  /** The engine that the agents use, as DOCKER_HOST has it. Needed by the docker runtime. */
  readonly dockerHost?: string;
  /** `docker` where absent. */
  readonly runtime?: 'docker' | 'simulated';
  /** How many of each service; 1 where absent. */
  readonly counts?: Partial<Record<ServiceKind, number>>;
  /** Added to the environment of every service of a kind. */
  readonly env?: CellSettings['extraEnv'];
  /**
   * Let containers on the engine's bridge reach the first gateway over HTTP, as the masters then tell those of stages. That is
   * listening on other than loopback, without TLS.
   */
  readonly admitsContainers?: boolean;
  /** Listen on the documented ports where they are free; otherwise, and where absent, on any free ones. */
  readonly documentedPorts?: boolean;
  /** Where the cell's data is while it runs; `.berth/` where absent. */
  readonly home?: string;
  /** Where each process's log goes, as `NAME.log`; the run's own directory, which goes with it, where absent. */
  readonly logsDir?: string;
  /** Ends a start that is under way; what has been started is stopped again. */
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
  /** Where containers on the engine's bridge reach the first gateway over HTTP; undefined where they do not. */
  readonly containersApiUrl: string | undefined;
  /** The port of each address of the first process of each kind. */
  readonly ports: Readonly<Record<PortName, number>>;
  readonly logsDir: string;
  /** The names to kill and restart by: `redis` (where it is the cell's own), `api`, `master`, `agent`, `agent-2`, … */
  names(): string[];
  /** The id of a process, or undefined while it does not run. */
  pid(name: string): number | undefined;
  /** SIGKILL, as a crash would. Resolves when the process is gone. */
  kill(name: string): Promise<void>;
  /** Starts a process that was killed, with the same addresses and data. Resolves when it is ready. */
  restart(name: string): Promise<void>;
  /** Ends all processes, removes the agents' containers and the data. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts Redis (unless one is given), gateways, masters and agents, and resolves when all of them are ready.
 * Rejects with a `SetupError` where one does not start; nothing stays behind then.
 */
export async function startCell(options: CellOptions = {}): Promise<LocalCell> {
  const lifetime = createLifetime();
  try {
    return await start(options, lifetime);
  } catch (error) {
    await lifetime.close();
    throw error;
  }
}

async function start(options: CellOptions, lifetime: Lifetime): Promise<LocalCell> {
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
  // The containers go after the agents, which would otherwise report that they ended.
  await deferContainers(plan, settings, { run, lifetime });
  const services = plan.services.map((service) => serviceMember(service, at));
  lifetime.defer(async () => void (await Promise.all(services.map((service) => service.stop()))));
  await startAll(services, options.signal);
  return {
    ...{ cell: settings.cell, redisUrl, dockerHost: settings.dockerHost, logsDir: at.logsDir },
    ...{ api, gateways: plan.gateways, agentIds: plan.agentIds, containersApiUrl, ports },
    ...controls(redis === undefined ? services : [redis, ...services]),
    stop: () => lifetime.close(),
  };
}

function controls(members: readonly Member[]): Pick<LocalCell, 'names' | 'pid' | 'kill' | 'restart'> {
  const names = members.map((member) => member.name);
  const member = (name: string): Member => {
    const found = members.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`the cell has no ${name}; it has ${names.join(', ')}`);
    return found;
  };
  return {
    names: () => names,
    pid: (name) => member(name).pid(),
    kill: async (name) => member(name).kill(),
    restart: async (name) => member(name).restart(),
  };
}

async function ownRedis(options: CellOptions, at: RunPaths) {
  const binary = options.redisBinary ?? (await obtainRedisBinary(options.home ?? berthDir, silentProgress));
  return redisMember(binary, at);
}

function settingsOf(options: CellOptions, redisUrl: string, runId: string): CellSettings {
  const runtime = options.runtime ?? 'docker';
  if (runtime === 'docker' && options.dockerHost === undefined) {
    throw new SetupError('A cell with the docker runtime needs the address of a Docker engine.');
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
  if (runtime !== 'docker' || dockerHost === undefined) return;
  for (const agentId of plan.agentIds) {
    const containers = { dockerHost, cell, agentId };
    await at.run.noteContainers(containers);
    at.lifetime.defer(() => removeContainers(containers));
  }
}
