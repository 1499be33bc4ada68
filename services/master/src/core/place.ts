import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { fits, subtractResources } from '@berth/shared/model/resources';

/** A task that waits for an agent. */
export interface QueuedTask {
  readonly taskId: string;
  readonly jobId: string;
  readonly resources: Resources;
}

/** What an agent has in all, and what of it is free. */
export interface AgentCapacity {
  readonly id: string;
  readonly total: Resources;
  readonly free: Resources;
}

export interface Placement {
  readonly taskId: string;
  readonly agentId: string;
}

/** Why a task stays queued: a reason, and the number of agents it applies to. */
export interface Unplaced {
  readonly taskId: string;
  readonly reasons: ReadonlyMap<string, number>;
}

export interface PlacementPlan {
  readonly placements: readonly Placement[];
  readonly unplaced: readonly Unplaced[];
}

/**
 * Places queued tasks, in their order, each on the agent where it fits best: the one that is left with the least free
 * share of cpu and memory. Ties go to the lowest agent id, so the same arguments give the same plan. A task that fits
 * nowhere does not hold up those behind it. Tasks that ask for the same share one verdict: capacity only shrinks within
 * a pass, so what found no agent once finds none later in it.
 */
export function place(queue: readonly QueuedTask[], agents: readonly AgentCapacity[]): PlacementPlan {
  const free = new Map(agents.map((agent) => [agent.id, agent.free]));
  const refused = new Map<string, ReadonlyMap<string, number>>();
  const placements: Placement[] = [];
  const unplaced: Unplaced[] = [];
  for (const { taskId, resources } of queue) {
    const shape = shapeOf(resources);
    const best = refused.has(shape) ? undefined : bestFit(resources, agents, free);
    if (best === undefined) {
      const reasons = refused.get(shape) ?? countReasons(resources, agents, free);
      refused.set(shape, reasons);
      unplaced.push({ taskId, reasons });
      continue;
    }
    free.set(best.id, subtractResources(free.get(best.id) ?? best.free, resources));
    placements.push({ taskId, agentId: best.id });
  }
  return { placements, unplaced };
}

/** The reasons of an unplaced task as one sentence for people. */
export function explainUnplaced({ reasons }: Unplaced): string {
  if (reasons.size === 0) return 'waiting: there is no live agent';
  const parts = [...reasons].map(([reason, count]) => `${reason} on ${count} agent${count === 1 ? '' : 's'}`);
  return `waiting: ${parts.join(', ')}`;
}

function bestFit(request: Resources, agents: readonly AgentCapacity[], free: ReadonlyMap<string, Resources>) {
  let best: AgentCapacity | undefined;
  let leastLeft = Infinity;
  for (const agent of agents) {
    const available = free.get(agent.id) ?? agent.free;
    if (!fits(request, available)) continue;
    const left = shareLeft(request, available, agent.total);
    if (left > leastLeft || (left === leastLeft && best !== undefined && best.id < agent.id)) continue;
    best = agent;
    leastLeft = left;
  }
  return best;
}

function shareLeft(request: Resources, free: Resources, total: Resources): number {
  const cpu = (free.cpuMillis - request.cpuMillis) / (total.cpuMillis || 1);
  const memory = (free.memoryMb - request.memoryMb) / (total.memoryMb || 1);
  return cpu + memory;
}

const dimensions: readonly (readonly [keyof Resources, string])[] = [
  ['cpuMillis', 'too little cpu free'],
  ['memoryMb', 'too little memory free'],
  ['diskMb', 'too little disk free'],
  ['networkMbps', 'too little network free'],
  ['gpuMillis', 'too few gpus free'],
  ['ports', 'too few ports free'],
];

function countReasons(request: Resources, agents: readonly AgentCapacity[], free: ReadonlyMap<string, Resources>) {
  const counts = new Map<string, number>();
  for (const agent of agents) {
    const available = free.get(agent.id) ?? agent.free;
    for (const [dimension, reason] of dimensions) {
      if (request[dimension] > available[dimension]) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
  }
  return counts;
}

function shapeOf(resources: Resources): string {
  return dimensions.map(([dimension]) => resources[dimension]).join('/');
}
