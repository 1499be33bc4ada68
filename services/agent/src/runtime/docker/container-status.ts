import { launchFailure } from '@berth/shared/model/task/engine-failure';
import type Dockerode from 'dockerode';
import type { ContainerStatus } from '../../core/container.js';
import { labelNames } from '../../core/labels.js';
import type { ContainerUsage } from '../../core/usage.js';
import { RuntimeError } from '../contract/container-runtime.js';
import type { PageAddress } from './metrics-page.js';

const nanosPerMs = 1_000_000;

/**
 * The exit codes of a container that never ran because its command is missing or not executable. With other
 * codes Docker itself failed, and another start may succeed.
 */
const commandExitCodes: readonly number[] = [126, 127];

/**
 * Returns the engine's words about a start that failed because of the job. The failure of a host may pass, so
 * that container is started again.
 */
function startErrorOf({ ExitCode, Error: text }: Dockerode.ContainerInspectInfo['State']) {
  if (!commandExitCodes.includes(ExitCode)) return undefined;
  return launchFailure('start', 500, text).fault === 'job' ? text : undefined;
}

/** Converts Docker's state of a container to the agent's. Fails with `failed` for an unknown state. PURE. */
export function statusOf(info: Dockerode.ContainerInspectInfo): ContainerStatus {
  const { State, NetworkSettings } = info;
  const state = stateOf(State.Status);
  const startError = state === 'created' ? startErrorOf(State) : undefined;
  const ip = addressIn(NetworkSettings);
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(info.Config.Image ?? '')?.[1];
  const ports =
    info.HostConfig.NetworkMode === 'host' ? hostModePorts(info) : publishedPorts(NetworkSettings.Ports);
  return {
    taskId: info.Config.Labels[labelNames.task] ?? '',
    state,
    ...time('startedAtMs', State.StartedAt),
    ...(state === 'exited' ? { exitCode: State.ExitCode, oomKilled: State.OOMKilled } : {}),
    ...(state === 'exited' ? time('finishedAtMs', State.FinishedAt) : {}),
    ...(startError === undefined ? {} : { startError }),
    ...(digest === undefined ? {} : { imageDigest: digest }),
    ...(ip === undefined ? {} : { ip }),
    ...(ports === '' ? {} : { hostPorts: ports }),
  };
}

/** Converts one row of Docker's list of containers. Fails with `failed` for an unknown state. PURE. */
export function summaryOf(row: Dockerode.ContainerInfo): ContainerStatus {
  const ip = addressIn(row.NetworkSettings);
  const cellId = row.Labels[labelNames.cellId];
  const mapped = row.Ports.filter((port) => port.PublicPort !== undefined);
  const hostPorts = joinPorts(
    mapped.map(({ PrivatePort, PublicPort, Type }) => [`${PrivatePort}/${Type}`, String(PublicPort)]),
  );
  return {
    taskId: row.Labels[labelNames.task] ?? '',
    ...(cellId === undefined ? {} : { cellId }),
    state: stateOf(row.State),
    ...(ip === undefined ? {} : { ip }),
    ...(hostPorts === '' ? {} : { hostPorts }),
  };
}

/**
 * Converts Docker's figures of a running container; the time of reading is added by the caller. Undefined for
 * a container that does not run. PURE.
 */
export function usageInStats({
  cpu_stats,
  memory_stats,
  networks,
}: Dockerode.ContainerStats): Pick<ContainerUsage, 'cpuMs' | 'memoryBytes' | 'network'> | undefined {
  if (memory_stats.usage === undefined) return undefined;
  const { total_inactive_file, inactive_file = 0 } = memory_stats.stats ?? {};
  const interfaces = Object.values(networks ?? {});
  const sum = (read: (each: Dockerode.NetworkStats[string]) => number) =>
    interfaces.reduce((total, each) => total + read(each), 0);
  return {
    cpuMs: cpu_stats.cpu_usage.total_usage / nanosPerMs,
    memoryBytes: Math.max(0, memory_stats.usage - (total_inactive_file ?? inactive_file)),
    ...(interfaces.length === 0
      ? {}
      : {
          network: {
            receivedBytes: sum(({ rx_bytes }) => rx_bytes),
            sentBytes: sum(({ tx_bytes }) => tx_bytes),
          },
        }),
  };
}

/**
 * Returns the addresses of a container's port on its host: the container's own address, and the published
 * one. PURE.
 */
export function portAddresses(info: Dockerode.ContainerInspectInfo, port: number): readonly PageAddress[] {
  if (info.HostConfig.NetworkMode === 'host') return [{ host: '127.0.0.1', port }];
  const ip = addressIn(info.NetworkSettings);
  const published = info.NetworkSettings.Ports?.[`${port}/tcp`]?.[0];
  return [
    ...(ip === undefined ? [] : [{ host: ip, port }]),
    ...(published === undefined
      ? []
      : [{ host: loopbackFor(published.HostIp), port: Number(published.HostPort) }]),
  ];
}

/** A port that is published at all addresses can be reached at the loopback. */
function loopbackFor(hostIp: string): string {
  return ['', '0.0.0.0', '::'].includes(hostIp) ? '127.0.0.1' : hostIp;
}

/**
 * Finds the reason why the init process could not start the command, in the container's log. Undefined if it
 * could.
 */
export function initErrorIn(log: string): string | undefined {
  const match = /\[FATAL tini \(\d+\)\] exec (.+) failed: (.+)/.exec(log);
  return match === null ? undefined : `exec: ${JSON.stringify(match[1])}: ${match[2]?.trim()}`;
}

function addressIn(
  settings: { readonly Networks: Readonly<Record<string, { readonly IPAddress?: string }>> } | undefined,
) {
  return Object.values(settings?.Networks ?? {}).find(({ IPAddress }) => IPAddress)?.IPAddress;
}

/** The states of Docker and Podman. A paused or stopping container still holds its resources. */
const states: ReadonlyMap<string, ContainerStatus['state']> = new Map([
  ['created', 'created'],
  ['configured', 'created'],
  ['initialized', 'created'],
  ['running', 'running'],
  ['paused', 'running'],
  ['restarting', 'running'],
  ['stopping', 'running'],
  ['stopped', 'exited'],
  ['exited', 'exited'],
  ['dead', 'exited'],
  ['removing', 'exited'],
]);

/**
 * Returns the agent's state for an engine's. Fails with `failed` for a state that it does not know: nobody
 * may believe that such a container runs.
 */
function stateOf(status: string): ContainerStatus['state'] {
  const state = states.get(status.toLowerCase());
  if (state !== undefined) return state;
  throw new RuntimeError(
    'failed',
    `the engine says that a container is ${JSON.stringify(status)}; no such state is known`,
  );
}

/** Docker writes the year 1 for a time that has not come. */
function time<K extends string>(name: K, text: string): { readonly [P in K]?: number } {
  const atMs = Date.parse(text);
  return atMs > 0 ? ({ [name]: atMs } as { readonly [P in K]: number }) : {};
}

function publishedPorts(
  ports: Dockerode.ContainerInspectInfo['NetworkSettings']['Ports'] | undefined,
): string {
  return joinPorts(
    Object.entries(ports ?? {}).flatMap(([port, bindings]) => {
      const hostPort = bindings?.[0]?.HostPort;
      return hostPort === undefined ? [] : [[port, hostPort]];
    }),
  );
}

/** On the host's own network each port is the host's port of that number. */
function hostModePorts({ Config }: Dockerode.ContainerInspectInfo): string {
  return joinPorts(
    Object.keys(Config.ExposedPorts ?? {}).map((port) => [port, `${Number.parseInt(port, 10)}`]),
  );
}

/**
 * Returns `CONTAINER_PORT:HOST_PORT` in the order of the container's ports, with `/PROTOCOL` if it is not
 * TCP. Docker lists a port once for each address; here it stands once.
 */
function joinPorts(pairs: readonly (readonly [port: string, hostPort: string])[]): string {
  const number = (port: string) => Number.parseInt(port, 10);
  const byPort = new Map([...pairs].sort(([a], [b]) => number(a) - number(b) || (a < b ? -1 : 1)));
  return [...byPort].map(([port, hostPort]) => portPair(port, hostPort)).join(',');
}

function portPair(port: string, hostPort: string): string {
  const [number, protocol = 'tcp'] = port.split('/');
  return `${number}:${hostPort}${protocol === 'tcp' ? '' : `/${protocol}`}`;
}
