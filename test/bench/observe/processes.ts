/** The measured processes and their use of resources. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findOnPath } from '@berth/local/machine/command';
import { berthDir } from '@berth/local/machine/paths';
import { hasApt, unpackPackage } from '@berth/local/setup/apt';
import { freePort } from '../../support/process/free-port.js';
import { waitFor } from '../../support/process/wait-for.js';
import { atEnd } from '../ending.js';
import type { PauseReport, ProbeOrder } from './protocol.js';

/** A server under test. */
export interface ServerProcess {
  readonly port: number;
  readonly pid: number;
  /** Measures the pauses of its event loop, if the process can. */
  readonly pauses?: PauseWatch;
  /** Collects its garbage, if the process can. */
  readonly collectGarbage?: () => Promise<void>;
  stop(): Promise<void>;
}

/** Options of Node for the gateway; `--cpu-prof` for one to be looked into. */
const gatewayFlags = (process.env.BERTH_BENCH_GATEWAY_FLAGS ?? '').split(' ').filter((flag) => flag !== '');

/** A process under a profiler writes its findings at its end. */
const endSignal = gatewayFlags.length > 0 ? 'SIGTERM' : 'SIGKILL';

export interface PauseWatch {
  begin(): void;
  /** The longest since it began, or since the last time that it was asked. */
  longest(): Promise<PauseReport>;
}

export async function startGateway(
  redisUrl: string,
  cell: string,
  nodeFlags: readonly string[] = [],
): Promise<ServerProcess> {
  const [port, http, jobv1] = [await freePort(), await freePort(), await freePort()];
  const main = fileURLToPath(import.meta.resolve('@berth/api/main'));
  const probe = new URL('pause-probe.js', import.meta.url).href;
  const child = spawn(process.execPath, [...nodeFlags, ...gatewayFlags, '--import', probe, main], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      BERTH_REDIS_URL: redisUrl,
      BERTH_CELL: cell,
      BERTH_API_GRPC: `127.0.0.1:${port}`,
      BERTH_API_HTTP: `127.0.0.1:${http}`,
      BERTH_API_JOBV1: `127.0.0.1:${jobv1}`,
      BERTH_LOG_LEVEL: 'warn',
    },
  });
  const isReady = () =>
    fetch(`http://127.0.0.1:${http}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  const server = serverOf(child, port);
  await waitFor(isReady, { what: 'the gateway serves', timeoutMs: 60_000 });
  const collectGarbage = async () => {
    const collected = once(child, 'message');
    child.send({ do: 'collectGarbage' } satisfies ProbeOrder);
    await collected;
  };
  return { ...server, pauses: pauseWatch(child), collectGarbage };
}

function pauseWatch(child: ChildProcess): PauseWatch {
  const order = (what: ProbeOrder) => child.send(what);
  return {
    begin: () => void order({ do: 'watchPauses' }),
    longest: async () => {
      const answered = once(child, 'message');
      order({ do: 'longestPause' });
      const [report] = (await answered) as [PauseReport];
      return report;
    },
  };
}

/** The server that encodes and writes each change for each subscriber. */
export async function startEach(redisUrl: string, cell: string): Promise<ServerProcess> {
  const child = forkBeside('each.js', { args: [redisUrl, cell] });
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return serverOf(child, message.port);
}

/** An etcd of its own directory; from PATH, or from the distribution's packages without root. */
export async function startEtcd(): Promise<ServerProcess> {
  const binary = await etcdBinary();
  const dir = await mkdtemp(join(tmpdir(), 'berth-bench-etcd-'));
  const [port, peer] = [await freePort(), await freePort()];
  const own = `http://127.0.0.1:${port}`;
  const child = spawn(
    binary,
    [
      ...['--data-dir', dir, '--listen-client-urls', own, '--advertise-client-urls', own],
      ...['--listen-peer-urls', `http://127.0.0.1:${peer}`, '--logger', 'zap', '--log-level', 'error'],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const server = serverOf(child, port);
  const stop = async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
  atEnd(stop);
  const isHealthy = () =>
    fetch(`${own}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
  await waitFor(isHealthy, { what: 'etcd serves' });
  return { ...server, stop };
}

async function etcdBinary(): Promise<string> {
  const onPath = await findOnPath('etcd');
  if (onPath !== undefined) return onPath;
  const unpacked = join(berthDir, 'packages', 'etcd-server');
  const binary = join(unpacked, 'usr', 'bin', 'etcd');
  if (existsSync(binary)) return binary;
  if (!(await hasApt()))
    throw new Error('This benchmark compares with etcd: install it (Debian: apt-get install etcd-server).');
  process.stderr.write(
    'No etcd on PATH: unpacking the one of the distribution under .berth/ (no root needed).\n',
  );
  await unpackPackage('etcd-server', unpacked);
  return binary;
}

/**
 * For load and subscribers: on several processors their garbage collector would slow the measured server
 * down.
 */
export const besideFlags: readonly string[] = ['--single-threaded-gc'];

export function forkBeside(
  script: string,
  { args = [], flags = [] }: { readonly args?: readonly string[]; readonly flags?: readonly string[] } = {},
): ChildProcess {
  return fork(fileURLToPath(new URL(script, import.meta.url)), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: [...flags],
  });
}

function serverOf(child: ChildProcess, port: number): ServerProcess {
  const { pid } = child;
  // However the benchmark ends, it leaves nothing running.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  if (pid === undefined) throw new Error('the server did not start');
  return { port, pid, stop: () => end(child, endSignal) };
}

export async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** The clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU time that a process has used, in seconds. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Memory that a process has resident now, or at its peak, in MB. */
export function residentMb(pid: number, which: 'VmRSS' | 'VmHWM' = 'VmRSS'): number {
  const line = new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]) / 1024;
}
