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

/** Tasks that ask for the same share one verdict. */
interface Shape {
  /** Its best agent, when the shape was last looked at; undefined where it fits nowhere. */
  best: OpenAgent | undefined;
  /** How many placements had been made by then. */
  seen: number;
  /** Why it fits nowhere. */
  reasons?: ReadonlyMap<string, number>;
}

interface OpenAgent {
  readonly id: string;
  readonly total: Resources;
  free: Resources;
}

/**
 * Places queued tasks, in their order, each on the agent where it fits best: the one that is left with the least free
 * share of cpu and memory. Ties go to the lowest agent id, so the same arguments give the same plan. A task that fits
 * nowhere does not hold up those behind it. Who has had enough of the plan need not take the rest of it.
 *
 * Capacity only shrinks on the way. So what found no agent once finds none later, and the best agent of a shape stays
 * it for as long as the shape fits there, but for agents that others have filled up meanwhile.
 */
export function* place(queue: readonly QueuedTask[], agents: readonly AgentCapacity[]): Iterable<Placement | Unplaced> {
  const open: readonly OpenAgent[] = agents.map(({ id, total, free }) => ({ id, total, free }));
  const shapes = new Map<string, Shape>();
  const filled: OpenAgent[] = [];
  for (const { taskId, resources } of queue) {
    const key = shapeOf(resources);
    const known = shapes.get(key);
    const shape = known === undefined ? firstLook(resources, open) : known;
    if (known === undefined) shapes.set(key, shape);
    else lookAgain(shape, resources, { open, filled });
    shape.seen = filled.length;
    if (shape.best === undefined) {
      shape.reasons ??= countReasons(resources, open);
      yield { taskId, reasons: shape.reasons };
      continue;
    }
    shape.best.free = subtractResources(shape.best.free, resources);
    filled.push(shape.best);
    yield { taskId, agentId: shape.best.id };
  }
}

/** Whether the verdict on a task is that it stays queued. */
export function isUnplaced(verdict: Placement | Unplaced): verdict is Unplaced {
  return 'reasons' in verdict;
}

/** The reasons of an unplaced task as one sentence for people. */
export function explainUnplaced({ reasons }: Unplaced): string {
  if (reasons.size === 0) return 'waiting: there is no live agent';
  const parts = [...reasons].map(([reason, count]) => `${reason} on ${count} agent${count === 1 ? '' : 's'}`);
  return `waiting: ${parts.join(', ')}`;
}

function firstLook(resources: Resources, open: readonly OpenAgent[]): Shape {
  return { best: bestFit(resources, open), seen: 0 };
}

function lookAgain(
  shape: Shape,
  resources: Resources,
  { open, filled }: { readonly open: readonly OpenAgent[]; readonly filled: readonly OpenAgent[] },
): void {
  if (shape.best === undefined) return;
  const isKnown = fits(resources, shape.best.free);
  shape.best = bestFit(resources, isKnown ? [shape.best, ...filled.slice(shape.seen)] : open);
}

function bestFit(request: Resources, agents: readonly OpenAgent[]): OpenAgent | undefined {
  let best: OpenAgent | undefined;
  let leastLeft = Number.POSITIVE_INFINITY;
  for (const agent of agents) {
    if (!fits(request, agent.free)) continue;
    const left = shareLeft(request, agent);
    if (left > leastLeft || (left === leastLeft && best !== undefined && best.id < agent.id)) continue;
    best = agent;
    leastLeft = left;
  }
  return best;
}

function shareLeft(request: Resources, { free, total }: OpenAgent): number {
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

function countReasons(request: Resources, agents: readonly OpenAgent[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const agent of agents) {
    for (const [dimension, reason] of dimensions) {
      if (request[dimension] > agent.free[dimension]) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
  }
  return counts;
}

function shapeOf(resources: Resources): string {
  return dimensions.map(([dimension]) => resources[dimension]).join('/');
}
