/**
 * A complete cell for placement from end to end: Redis, a master, a gateway, and simulated agents in
 * separate processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/process/free-port.js';
import { startTestRedis, type TestRedis } from '../../support/process/redis.js';
import { waitFor } from '../../support/process/wait-for.js';
import { atEnd } from '../ending.js';
import { cpuSeconds, end, startGateway } from '../observe/processes.js';
import { redisSettings } from '../recommended.js';

const cell = 'schedule';
const readyMs = 120_000;

/** The flags that docs/operations/running.md recommends for masters and gateways of a busy cell. */
export const stageFlags: readonly string[] = ['--max-semi-space-size=64'];

/** Further flags for each service, such as `--cpu-prof`. */
const flags = (process.env.BERTH_BENCH_FLAGS ?? '').split(' ').filter((flag) => flag !== '');

export interface ScheduleStage {
  readonly port: number;
  /** Processor time that each kind of process has used so far, in seconds. */
  cpu(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

interface Member {
  readonly name: string;
  readonly child: ChildProcess;
}

/** Resolves once every agent is alive in the cell. The agents of each process are a zone. */
export async function startStage(agents: number, processes: number): Promise<ScheduleStage> {
  const redis = await startTestRedis({ settings: redisSettings });
  atEnd(() => redis.stop());
  const members: Member[] = [];
  const gateway = await startGateway(redis.url, cell, stageFlags);
  const stage = {
    port: gateway.port,
    cpu: () =>
      cpuOf(
        [
          { name: 'gateway', pid: gateway.pid },
          { name: 'redis', pid: redis.pid() },
          { name: 'caller and subscriber', pid: process.pid },
        ],
        members,
      ),
    close,
  };
  try {
    members.push(
      await startService('master', redis, { BERTH_MASTER_HTTP: 'free', BERTH_MASTER_PREEMPTION: 'on' }),
    );
    const each = Math.ceil(agents / processes);
    const zones = Array.from({ length: processes }, (_, zone) =>
      startService('agent', redis, {
        BERTH_AGENT_HTTP: 'free',
        BERTH_AGENT_GRPC: 'free',
        BERTH_AGENT_ID: `zone-${zone}`,
        BERTH_AGENT_ATTRIBUTES: `zone=zone-${zone}`,
        BERTH_AGENT_RUNTIME: 'simulated',
        BERTH_AGENT_SIMULATED_AGENTS: String(each),
        BERTH_AGENT_CPU: '8',
        BERTH_AGENT_MEMORY_MB: '32000',
      }),
    );
    members.push(...(await Promise.all(zones)));
    return stage;
  } catch (error) {
    await close();
    throw error;
  }

  async function close(): Promise<void> {
    await Promise.all(members.map(({ child }) => end(child, flags.length > 0 ? 'SIGTERM' : 'SIGKILL')));
    await gateway.stop();
    await redis.stop();
  }
}

/**
 * Starts a service. Chooses addresses for those that are `free`. Resolves when its health page says that it
 * is ready.
 */
async function startService(
  name: 'master' | 'agent',
  { url }: TestRedis,
  settings: Readonly<Record<string, string>>,
): Promise<Member> {
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(settings))
    env[key] = value === 'free' ? `127.0.0.1:${await freePort()}` : value;
  const main = fileURLToPath(import.meta.resolve(`@berth/${name}/main`));
  const child = spawn(process.execPath, [...stageFlags, ...flags, main], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, BERTH_REDIS_URL: url, BERTH_CELL: cell, BERTH_LOG_LEVEL: 'error', ...env },
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  const health = `http://${env.BERTH_MASTER_HTTP ?? env.BERTH_AGENT_HTTP}/healthz`;
  const isReady = () =>
    fetch(health).then(
      ({ ok }) => ok,
      () => false,
    );
  await Promise.race([
    waitFor(isReady, { what: `the ${name} is ready`, timeoutMs: readyMs, intervalMs: 100 }),
    once(child, 'exit').then(() => Promise.reject(new Error(`the ${name} ended`))),
  ]);
  return { name, child };
}

interface Measured {
  readonly name: string;
  readonly pid: number | undefined;
}

function cpuOf(others: readonly Measured[], members: readonly Member[]): ReadonlyMap<string, number> {
  const seconds = new Map<string, number>();
  const all = [...others, ...members.map(({ name, child }) => ({ name, pid: child.pid }))];
  for (const { name, pid } of all)
    if (pid !== undefined) seconds.set(name, (seconds.get(name) ?? 0) + cpuSeconds(pid));
  return seconds;
}
