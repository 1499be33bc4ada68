import type { AgentRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { formatGpus, gpusKey } from '@berth/shared/model/resources/gpus';
import { formatReason } from '@berth/shared/model/task/reason';
import { hostAddressKey } from '@berth/shared/model/task/task-context';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { moveTask, State } from '@berth/shared/model/task/task-state';
import type { Limits } from '../task/limits.js';
import { withWaitingReason } from '../task/waiting-reason.js';

/** The agent attributes in every task's context, with their names there. */
const contextAttributes = [
  ['region', 'agent.region'],
  ['zone', 'agent.zone'],
  ['host', 'agent.host'],
  ['instance', 'agent.instance'],
] as const;

/** Returns the task, placed on the agent: DISPATCHED, with the agent's attributes in its context. */
export function assignTask(task: TaskRecord, agent: AgentRecord, nowMs: number, limits: Limits): TaskRecord {
  const context: Record<string, string> = { 'agent.id': agent.id };
  for (const [attribute, key] of contextAttributes) {
    const value = agent.attributes[attribute] ?? '';
    if (value !== '') context[key] = value;
  }
  const address = hostOf(agent.grpcAddress);
  if (address !== '') context[hostAddressKey] = address;
  const moved = moveTask(task, { to: State.DISPATCHED, code: '', atMs: nowMs, context });
  if (moved === undefined) return task;
  return { ...moved, agentId: agent.id, deadlineAtMs: nowMs + limits.stuckDispatchedMs };
}

/** Returns the host of `HOST:PORT`; an IPv6 address without its brackets. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** Returns the placed task, with the gpus that it was given in its context. */
export function withGpus(task: TaskRecord, gpus: readonly number[]): TaskRecord {
  if (gpus.length === 0 || task.task === undefined) return task;
  const taskContext = { ...task.task.taskContext, [gpusKey]: formatGpus(gpus) };
  return { ...task, task: { ...task.task, taskContext } };
}

/**
 * Returns the placed task as one that waits for its victims to end. Its time to begin counts from the latest
 * deadline of the victims.
 */
export function waitingForVictims(
  task: TaskRecord,
  victims: readonly TaskRecord[],
  nowMs: number,
): TaskRecord {
  const { deadlineAtMs, task: placed } = task;
  if (victims.length === 0 || placed?.state === undefined) return task;
  const overMs = Math.max(...victims.map((each) => each.deadlineAtMs));
  const ids = victims.map(taskIdOf);
  const waiting = withWaitingReason(task, formatReason('waiting', `it starts once ${named(ids)} ended`));
  return { ...waiting, awaitedTaskIds: ids, deadlineAtMs: deadlineAtMs + Math.max(0, overMs - nowMs) };
}

function named([first = '', ...others]: readonly string[]): string {
  const count = others.length;
  return count === 0 ? `${first} has` : `${first} and ${count} other${count === 1 ? '' : 's'} have`;
}
