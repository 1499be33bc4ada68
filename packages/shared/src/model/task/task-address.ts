import type { TaskRecord } from '../../gen/berth/v1/store.js';

/** The address of a task's container, as far as it is known. */
export interface TaskAddress {
  readonly agentId: string;
  /** '' if unknown. */
  readonly host: string;
  /** The container's own address, for containers on the same host; '' if it has none, or none yet. */
  readonly containerIp: string;
  /** Host ports by container port, in the order of the container's request. */
  readonly hostPorts: ReadonlyMap<number, number>;
}

/** Returns the address that stands in the task's context. */
export function taskAddress({ agentId, task }: TaskRecord): TaskAddress {
  const context = task?.taskContext ?? {};
  return {
    agentId,
    host: context['agent.host'] ?? '',
    containerIp: context['task.containerIp'] ?? '',
    hostPorts: parseHostPorts(context['task.hostPorts'] ?? ''),
  };
}

/**
 * Returns the address of the task for a container on that agent, or for one anywhere else; '' if none is
 * known. On the same agent it is the task's own address with its first port. Elsewhere it is the host's
 * address with the first published port.
 */
export function addressFrom(address: TaskAddress, agentId?: string): string {
  const { host, containerIp, hostPorts } = address;
  const [first] = hostPorts;
  if (address.agentId === agentId && containerIp !== '')
    return first === undefined ? containerIp : `${containerIp}:${first[0]}`;
  return first === undefined || host === '' ? containerIp : `${host}:${first[1]}`;
}

/**
 * Reads `8080:32768,53:32769/udp`: container port, host port, and the protocol if it is not TCP. Of two
 * protocols of one port TCP counts, and ports with TCP come first.
 */
function parseHostPorts(text: string): ReadonlyMap<number, number> {
  const hostPorts = new Map<number, number>();
  const parts = text.split(',').map((part) => part.split('/'));
  const [ofTcp, others] = [parts.filter(([, other]) => !other), parts.filter(([, other]) => other)];
  for (const [pair = ''] of [...ofTcp, ...others]) {
    const [inside = 0, outside = 0] = pair.split(':').map(Number);
    if (inside > 0 && outside > 0 && !hostPorts.has(inside)) hostPorts.set(inside, outside);
  }
  return hostPorts;
}
