import type { TaskRecord } from '../../gen/berth/v1/store.js';

/** Where a task's container can be reached, as far as it is known. */
export interface TaskAddress {
  readonly agentId: string;
  /** '' where unknown. */
  readonly host: string;
  /** The container's own address, which containers on the same host reach; '' where it has none, or none yet. */
  readonly containerIp: string;
  /** Host ports by container port, in the order in which the container asks for them. */
  readonly hostPorts: ReadonlyMap<number, number>;
}

/** What the task's context tells of where it is. */
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
 * The address at which a container on that agent, or one anywhere else, reaches the task: on the same agent its own, with
 * its first port; elsewhere that of its host, with the first port that is published. '' where none is known.
 */
export function addressFrom(address: TaskAddress, agentId?: string): string {
  const { host, containerIp, hostPorts } = address;
  const [first] = hostPorts;
  if (address.agentId === agentId && containerIp !== '')
    return first === undefined ? containerIp : `${containerIp}:${first[0]}`;
  return first === undefined || host === '' ? containerIp : `${host}:${first[1]}`;
}

/** Reads `8080:32768,9090:32769`: container port, host port. */
function parseHostPorts(text: string): ReadonlyMap<number, number> {
  const pairs = text.split(',').map((pair) => pair.split(':').map(Number));
  return new Map(
    pairs.flatMap(([inside = 0, outside = 0]) => (inside > 0 && outside > 0 ? [[inside, outside]] : [])),
  );
}
