import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import { anywhere, type PlacementSpec } from '../filters/compile-spec.js';
import { type Obstacle, obstaclesOn } from '../filters/obstacles.js';
import type { Fleet } from '../index/block-index.js';
import type { AgentSlot } from '../index/indexed-agent.js';
import { findAgent, type Search } from '../place/find-agent.js';
import { classOf, type PlaceOptions, type QueuedTask, searchFor } from '../place/place.js';

/** Agents that are named as examples of a reason, and tasks of a remedy. */
const maxSamples = 5;

/** Ends of single tasks that are thought through, at most. */
const maxEndsTried = 20_000;

/** Why a task waits, and what would help. */
export interface Explanation {
  /** Live agents in all. */
  readonly agents: number;
  /** Set where an agent would take the task now: the next round places it. */
  readonly agentId?: string;
  /** The most frequent first. */
  readonly reasons: readonly ExplainedReason[];
  /** Single changes, each of which would place the task. */
  readonly remedies: readonly Remedy[];
}

export interface ExplainedReason {
  readonly reason: string;
  readonly agents: number;
  readonly samples: readonly string[];
}

/** A change that would place the task, and the number of agents that could take it then. */
export type Remedy =
  /** The least that the request would have to shrink. */
  | {
      readonly kind: 'less';
      readonly resource: keyof Resources;
      readonly amount: number;
      readonly agents: number;
    }
  | { readonly kind: 'without'; readonly constraint: string; readonly agents: number }
  /** When any one of these tasks ends. */
  | {
      readonly kind: 'ends';
      readonly taskIds: readonly string[];
      readonly tasks: number;
      readonly agents: number;
    };

/** How tasks are placed, as far as it bears on one that waits. */
export type ExplainOptions = Pick<PlaceOptions, 'policy' | 'failuresSinceMs' | 'refusalsSinceMs'>;

/** Looks at every agent. The fleet is as it was afterwards. */
export function explain(task: QueuedTask, fleet: Fleet, options: ExplainOptions = {}): Explanation {
  const search = searchFor(task, fleet, options);
  const { request } = search;
  const findings = [...fleet.agents()].map((slot) => ({ slot, obstacles: obstaclesOn(slot, request) }));
  const reasons = summarize(findings);
  const found = findAgent(search);
  if (found !== undefined) return { agents: fleet.size, agentId: found.id, reasons, remedies: [] };
  const remedies = [
    ...smallerRequests(task, search, findings),
    ...fewerConstraints(task, search),
    ...endsOfTasks(fleet, request, findings),
  ];
  return { agents: fleet.size, reasons, remedies };
}

interface Finding {
  readonly slot: AgentSlot;
  readonly obstacles: readonly Obstacle[];
}

function summarize(findings: readonly Finding[]): readonly ExplainedReason[] {
  const byReason = new Map<string, { agents: number; samples: string[] }>();
  for (const { slot, obstacles } of findings) {
    for (const { reason } of obstacles) {
      const known = byReason.get(reason) ?? { agents: 0, samples: [] };
      known.agents += 1;
      if (known.samples.length < maxSamples) known.samples.push(slot.id);
      byReason.set(reason, known);
    }
  }
  return [...byReason].map(([reason, known]) => ({ reason, ...known })).sort((a, b) => b.agents - a.agents);
}

/** For each resource that alone is in the way somewhere, the least by which the request would have to shrink. */
function smallerRequests(task: QueuedTask, search: Search, findings: readonly Finding[]): readonly Remedy[] {
  const amounts = new Map<keyof Resources, Set<number>>();
  for (const { obstacles } of findings) {
    const [only] = obstacles;
    if (obstacles.length !== 1 || only?.cause.kind !== 'resource') continue;
    const { resource, missing } = only.cause;
    amounts.set(resource, (amounts.get(resource) ?? new Set()).add(missing));
  }
  return [...amounts].flatMap(([resource, missing]) => {
    for (const amount of [...missing].sort((a, b) => a - b).slice(0, maxSamples)) {
      const left = task.resources[resource] - amount;
      if (left < leastOf(resource)) continue;
      const resources = { ...task.resources, [resource]: left };
      const agents = countAgents({ ...task, resources }, search);
      if (agents > 0) return [{ kind: 'less', resource, amount, agents } as const];
    }
    return [];
  });
}

/** A container has at least some cpu and memory. */
function leastOf(resource: keyof Resources): number {
  return resource === 'cpuMillis' || resource === 'memoryMb' ? 1 : 0;
}

function fewerConstraints(task: QueuedTask, search: Search): readonly Remedy[] {
  const { spec = anywhere } = task;
  const rules = [...spec.fixedRules, ...spec.changingRules].map(({ name }) => name);
  return [...spec.conditions, ...rules].flatMap((constraint) => {
    const agents = countAgents({ ...task, spec: withoutConstraint(spec, constraint) }, search);
    return agents > 0 ? [{ kind: 'without', constraint, agents } as const] : [];
  });
}

/** The spec as it would be without one of its constraints. */
export function withoutConstraint(spec: PlacementSpec, constraint: string): PlacementSpec {
  return {
    ...spec,
    key: `${spec.key} without ${constraint}`,
    conditions: new Set([...spec.conditions].filter((name) => name !== constraint)),
    fixedRules: spec.fixedRules.filter(({ name }) => name !== constraint),
    changingRules: spec.changingRules.filter(({ name }) => name !== constraint),
  };
}

/** Agents that could take the task as it is asked for. */
function countAgents(task: QueuedTask, { fleet, request: { refusedBy } }: Search): number {
  const request = classOf(fleet, task, { refusedBy });
  let agents = 0;
  for (const slot of fleet.agents()) if (obstaclesOn(slot, request).length === 0) agents += 1;
  return agents;
}

/** The tasks of which each, by ending, would make room where it is. */
function endsOfTasks(fleet: Fleet, request: RequestClass, findings: readonly Finding[]): readonly Remedy[] {
  const helpful: string[] = [];
  const agents = new Set<string>();
  let tried = 0;
  for (const { slot, obstacles } of findings) {
    if (!obstacles.every(endsWithTasks)) continue;
    for (const taskId of [...slot.bookings.keys()]) {
      tried += 1;
      if (tried > maxEndsTried) break;
      if (!helpsByEnding(fleet, request, { slot, taskId })) continue;
      helpful.push(taskId);
      agents.add(slot.id);
    }
  }
  if (helpful.length === 0) return [];
  return [
    { kind: 'ends', taskIds: helpful.slice(0, maxSamples), tasks: helpful.length, agents: agents.size },
  ];
}

/** Whether the end of a task could do away with the obstacle. */
function endsWithTasks({ cause }: Obstacle): boolean {
  return cause.kind !== 'rule' && cause.kind !== 'draining' && cause.kind !== 'refused';
}

function helpsByEnding(
  fleet: Fleet,
  request: RequestClass,
  { slot, taskId }: { readonly slot: AgentSlot; readonly taskId: string },
): boolean {
  const booking = fleet.give(slot, taskId);
  if (booking === undefined) return false;
  try {
    return obstaclesOn(slot, request).length === 0;
  } finally {
    fleet.take(slot, booking);
  }
}
