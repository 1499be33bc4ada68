import type { AgentIndex, PreemptionRules } from '@berth/scheduler';
import { isUnplaced, place, type QueuedTask, specOf } from '@berth/scheduler';
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { makeTasks, playRound, roundSize, specWith } from './cell.js';

/** Four tasks per agent leave no capacity for a critical one, which needs that of three. */
const flexRequest = { ...zeroResources(), cpuMillis: 1800, memoryMb: 1000 };
const criticalRequest = { ...zeroResources(), cpuMillis: 6000, memoryMb: 1000 };
const flexPerAgent = 4;

/** Each takes three victims, and a round stops no more tasks than it may write. */
const criticalPerRound = roundSize / 4;

const critical = specOf(
  JobDescriptor.fromPartial({ labels: { 'berth.tier': 'critical' }, containers: { main: {} } }),
);

const rules: PreemptionRules = {
  allowanceOf: (jobId) => (jobId === 'flex' ? Number.POSITIVE_INFINITY : 0),
  isStopping: () => false,
  stoppingOn: [],
};

/** Fills all agents with flex tasks. */
export function fillWithFlex(fleet: AgentIndex): void {
  const tasks = makeTasks(fleet.size * flexPerAgent, specWith(), 'flex', () => flexRequest);
  for (let at = 0; at < tasks.length; at += roundSize) playRound(fleet, tasks.slice(at, at + roundSize));
}

/**
 * Places this number of critical tasks on a full cell. The victims of each round have ended by the next.
 * Returns the number of placed tasks.
 */
export function placeCritical(fleet: AgentIndex, count: number): number {
  const tasks = makeTasks(count, critical, 'critical', () => criticalRequest);
  let placed = 0;
  for (let at = 0; at < tasks.length; at += criticalPerRound)
    placed += preemptingRound(fleet, tasks.slice(at, at + criticalPerRound));
  return placed;
}

/** Plays one round: placed tasks are booked, and the victims end. Returns the number of placed tasks. */
function preemptingRound(fleet: AgentIndex, queue: readonly QueuedTask[]): number {
  const results = [...place(queue, fleet, { preemption: rules, explains: () => false })];
  let placed = 0;
  for (const [index, result] of results.entries()) {
    const task = queue[index];
    const agent = isUnplaced(result) ? undefined : fleet.find(result.agentId);
    if (task === undefined || isUnplaced(result) || agent === undefined) continue;
    const { taskId, jobId, resources } = task;
    const { gpus, preemption } = result;
    const awaits = preemption?.awaits ?? [];
    fleet.take(agent, { taskId, jobId, resources, gpus, isExclusive: false, isCritical: true, awaits });
    for (const id of awaits) fleet.give(agent, id);
    placed += 1;
  }
  return placed;
}
