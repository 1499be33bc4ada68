import type Dockerode from 'dockerode';
import type { ContainerStatus } from './core/container.js';
import { labelNames } from './core/container-spec.js';

/** Docker's account of a container, in the agent's words. PURE. */
export function statusOf(info: Dockerode.ContainerInspectInfo): ContainerStatus {
  const { State, NetworkSettings } = info;
  const state = stateOf(State.Status);
  const ip = addressIn(NetworkSettings);
  const ports =
    info.HostConfig.NetworkMode === 'host' ? hostModePorts(info) : publishedPorts(NetworkSettings.Ports);
  return {
    taskId: info.Config.Labels[labelNames.task] ?? '',
    state,
    ...time('startedAtMs', State.StartedAt),
    ...(state === 'exited' ? { exitCode: State.ExitCode, oomKilled: State.OOMKilled } : {}),
    ...(state === 'exited' ? time('finishedAtMs', State.FinishedAt) : {}),
    // A container that was never started has an exit code other than 0 only if starting it was tried.
    ...(state === 'created' && State.ExitCode !== 0 ? { startError: State.Error } : {}),
    ...(ip === undefined ? {} : { ip }),
    ...(ports === '' ? {} : { hostPorts: ports }),
  };
}

/** One row of Docker's list of containers. PURE. */
export function summaryOf(row: Dockerode.ContainerInfo): ContainerStatus {
  const ip = addressIn(row.NetworkSettings);
  const mapped = row.Ports.filter((port) => port.PublicPort !== undefined);
  const hostPorts = joinPorts(mapped.map((port) => [port.PrivatePort, String(port.PublicPort)]));
  return {
    taskId: row.Labels[labelNames.task] ?? '',
    state: stateOf(row.State),
    ...(ip === undefined ? {} : { ip }),
    ...(hostPorts === '' ? {} : { hostPorts }),
  };
}

/** Why the init process could not start the command, from what it wrote to the container's log; undefined if it could. */
export function initErrorIn(log: string): string | undefined {
  const match = /\[FATAL tini \(\d+\)\] exec (.+) failed: (.+)/.exec(log);
  return match === null ? undefined : `exec: ${JSON.stringify(match[1])}: ${match[2]?.trim()}`;
}

function addressIn(
  settings: { readonly Networks: Readonly<Record<string, { readonly IPAddress?: string }>> } | undefined,
) {
  return Object.values(settings?.Networks ?? {}).find(({ IPAddress }) => IPAddress)?.IPAddress;
}

function stateOf(status: string): ContainerStatus['state'] {
  if (status === 'created') return 'created';
  return status === 'exited' || status === 'dead' || status === 'removing' ? 'exited' : 'running';
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
      return hostPort === undefined ? [] : [[Number.parseInt(port, 10), hostPort]];
    }),
  );
}

/** On the host's own network each port is the host's port of that number. */
function hostModePorts({ Config }: Dockerode.ContainerInspectInfo): string {
  return joinPorts(
    Object.keys(Config.ExposedPorts ?? {}).map((port) => [
      Number.parseInt(port, 10),
      `${Number.parseInt(port, 10)}`,
    ]),
  );
}

/** `CONTAINER_PORT:HOST_PORT` in the order of the container's ports; each once, though Docker lists it per address. */
function joinPorts(pairs: readonly (readonly [port: number, hostPort: string])[]): string {
  const byPort = new Map([...pairs].sort(([a], [b]) => a - b));
  return [...byPort].map(([port, hostPort]) => `${port}:${hostPort}`).join(',');
}
