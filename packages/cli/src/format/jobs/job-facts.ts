import type { Job, JobDescriptor, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { totalDesired } from '@berth/shared/model/job/job';
import { hostAddressKey } from '@berth/shared/model/task/task-context';
import { isTerminal, State } from '@berth/shared/model/task/task-state';

/** The numbers of a job's tasks by state. A replaced task counts as `replaced` only. */
export interface TaskStateCounts {
  readonly desired: number;
  readonly running: number;
  readonly waiting: number;
  readonly finished: number;
  readonly failed: number;
  readonly replaced: number;
}

/** Counts the tasks of a job. */
export function countTasks(descriptor: JobDescriptor | undefined, tasks: Iterable<Task>): TaskStateCounts {
  const all = [...tasks];
  const current = withoutReplaced(all);
  const inState = (matches: (state: State) => boolean) =>
    current.filter((task) => matches(stateOf(task))).length;
  return {
    desired: desiredOf(descriptor),
    running: inState((state) => state === State.RUNNING),
    waiting: inState((state) => !isTerminal(state) && state !== State.RUNNING),
    finished: inState((state) => state === State.FINISHED),
    failed: inState((state) => state === State.FAILED),
    replaced: all.length - current.length,
  };
}

/** Returns the tasks that no other task has replaced. */
export function withoutReplaced(tasks: readonly Task[]): Task[] {
  const replaced = new Set(tasks.map((task) => task.taskContext['task.resubmitOf']));
  return tasks.filter((task) => !replaced.has(task.id));
}

/** Returns the wanted number of tasks, over all stages. */
export function desiredOf(descriptor: JobDescriptor | undefined): number {
  return descriptor === undefined ? 0 : totalDesired(descriptor);
}

export function stateOf(entity: { readonly state: Task['state'] }): State {
  return entity.state?.state ?? State.QUEUED;
}

/** Returns the creation time of the job or task, as RFC 3339; undefined if its history is missing. */
export function createdAt(entity: Pick<Job | Task, 'stateChanges'>): string | undefined {
  return entity.stateChanges[0]?.timestamp;
}

/** Returns the part of a task's id after the job's id. */
export function shortTaskId(taskId: string): string {
  return taskId.slice(taskId.indexOf('.') + 1);
}

/**
 * Returns agent and ports of a task from its context: `host-1 (8080→10.0.0.7:32768)`; empty until the task is
 * placed.
 */
export function whereabouts(task: Task): string {
  const host = agentName(task);
  const ports = portsOf(task, noAddresses);
  return ports === '' ? host : `${host} (${ports})`.trimStart();
}

/** Returns the id of the task's agent, the one name that all commands take; empty until it is placed. */
export function agentName({ taskContext: context }: Task): string {
  return context['agent.id'] || context['agent.instance'] || context['agent.host'] || '';
}

/** Addresses of hosts by the ids of their agents. */
export type HostAddresses = ReadonlyMap<string, string>;

const noAddresses: HostAddresses = new Map();

/**
 * Returns the ports of a task with the address of its host: `8080→127.0.0.1:32770`. Without a known address
 * only the ports are returned.
 */
export function portsOf(task: Task, addresses: HostAddresses): string {
  const { 'task.hostPorts': hostPorts = '', [hostAddressKey]: address = '' } = task.taskContext;
  const own = address.includes(':') ? `[${address}]` : address;
  const host = own || addresses.get(task.taskContext['agent.id'] ?? '');
  const ports = formatPorts(hostPorts);
  return host ? ports.replaceAll('→', `→${host}:`) : ports;
}

/** Writes `8080:32768,53:32769/udp` as `8080→32768, 53→32769/udp`. */
function formatPorts(hostPorts: string): string {
  return hostPorts
    .split(',')
    .filter((pair) => pair !== '')
    .map((pair) => pair.replace(':', '→'))
    .join(', ');
}
