import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Fleet } from '@berth/shared/model/placement/fleet';
import { isUnplaced, place, type QueuedTask } from '@berth/shared/model/placement/place';
import type { PreemptionRules } from '@berth/shared/model/placement/preempt';
import { specOf } from '@berth/shared/model/placement/spec';
import { zeroResources } from '@berth/shared/model/resources';
import { makeTasks, playRound, roundSize, specWith } from './cell.js';

/** Four tasks to an agent leave it no room for a critical one, which needs that of three. */
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
export function fillWithFlex(fleet: Fleet): void {
  const tasks = makeTasks(fleet.size * flexPerAgent, specWith(), 'flex', () => flexRequest);
  for (let at = 0; at < tasks.length; at += roundSize) playRound(fleet, tasks.slice(at, at + roundSize));
}

/**
 * Places so many critical tasks on a full cell. Each is planned twice, as by a master: in the round that stops its
 * victims, and in the one that finds their room. Tells how many were placed.
 */
export function placeCritical(fleet: Fleet, count: number): number {
  const tasks = makeTasks(count, critical, 'critical', () => criticalRequest);
  let waiting: readonly QueuedTask[] = [];
  let placed = 0;
  for (let at = 0; at < tasks.length || waiting.length > 0; at += criticalPerRound) {
    const before = waiting.length;
    const queue = [...waiting, ...tasks.slice(at, at + criticalPerRound)];
    waiting = preemptingRound(fleet, queue);
    placed += queue.length - waiting.length;
    if (at >= tasks.length && waiting.length === before) break;
  }
  return placed;
}

/** One round; what was placed is booked, and the victims end. Tells who waits for their room. */
function preemptingRound(fleet: Fleet, queue: readonly QueuedTask[]): readonly QueuedTask[] {
  const verdicts = [...place(queue, fleet, { preemption: rules, explains: () => false })];
  const waiting: QueuedTask[] = [];
  for (const [index, verdict] of verdicts.entries()) {
    const task = queue[index];
    if (task === undefined) continue;
    if (isUnplaced(verdict)) {
      waiting.push(task);
      const slot = fleet.find(verdict.eviction?.agentId ?? '');
      for (const { taskId } of verdict.eviction?.victims ?? [])
        if (slot !== undefined) fleet.give(slot, taskId);
      continue;
    }
    const slot = fleet.find(verdict.agentId);
    const { taskId, jobId, resources } = task;
    if (slot !== undefined)
      fleet.take(slot, {
        taskId,
        jobId,
        resources,
        cards: verdict.cards,
        isExclusive: false,
        isCritical: true,
      });
  }
  return waiting;
}
