import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { kindOf } from '@berth/shared/model/resources/kinds';
import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { Obstacle } from '../filters/filter.js';
import type { AgentIndex } from '../index/agent-index.js';
import type { TaskSearch } from '../place/search-for.js';
import type { QueuedTask } from '../request/placement-request.js';
import { anywhere, type PlacementSpec } from '../request/placement-spec.js';
import type { Remedy } from './remedy.js';

/** Amounts and tasks that are tried or named of one remedy, at most. */
const maxSamples = 5;

/** Ends of single tasks that are tried, at most. */
const maxEndsTried = 20_000;

/** The obstacles of one agent. */
export interface Finding {
  readonly agent: AgentInfo;
  readonly obstacles: readonly Obstacle[];
}

/** Single changes: each one would place the task. */
export function findRemedies(
  task: QueuedTask,
  search: TaskSearch,
  findings: readonly Finding[],
): readonly Remedy[] {
  return [
    ...smallerRequests(task, search, findings),
    ...fewerConstraints(task, search),
    ...endsOfTasks(search, findings),
  ];
}

/**
 * For each resource that alone is in the way somewhere, the least amount by that the request would have to
 * shrink.
 */
function smallerRequests(
  task: QueuedTask,
  search: TaskSearch,
  findings: readonly Finding[],
): readonly Remedy[] {
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

/** The least amount that a container can ask for. */
function leastOf(resource: keyof Resources): number {
  return kindOf(resource).written?.isZeroAllowed === false ? 1 : 0;
}

function fewerConstraints(task: QueuedTask, search: TaskSearch): readonly Remedy[] {
  const { spec = anywhere } = task;
  const rules = [...spec.fixedRules, ...spec.changingRules].map(({ name }) => name);
  const ports = spec.hostPorts.map(portConstraint);
  return [...spec.conditions, ...rules, ...ports].flatMap((constraint) => {
    const agents = countAgents({ ...task, spec: withoutConstraint(spec, constraint) }, search);
    return agents > 0 ? [{ kind: 'without', constraint, agents } as const] : [];
  });
}

/** The spec without one of its constraints. */
export function withoutConstraint(spec: PlacementSpec, constraint: string): PlacementSpec {
  return {
    ...spec,
    key: `${spec.key} without ${constraint}`,
    conditions: new Set([...spec.conditions].filter((name) => name !== constraint)),
    fixedRules: spec.fixedRules.filter(({ name }) => name !== constraint),
    changingRules: spec.changingRules.filter(({ name }) => name !== constraint),
    hostPorts: spec.hostPorts.filter((port) => portConstraint(port) !== constraint),
  };
}

/** The chosen port as a constraint that the task could go without. */
function portConstraint(port: string): string {
  return `port ${port}`;
}

/** The number of agents that could take the task. */
function countAgents(task: QueuedTask, { index, request: { refusedBy } }: TaskSearch): number {
  const request = index.equivalenceClassOf(task, { refusedBy });
  let agents = 0;
  for (const agent of index.agents()) if (request.obstaclesOn(agent).length === 0) agents += 1;
  return agents;
}

/** Tasks on agents that could take the new task if this one task ended. */
function endsOfTasks({ index, request }: TaskSearch, findings: readonly Finding[]): readonly Remedy[] {
  const helpful: string[] = [];
  const agents = new Set<string>();
  let tried = 0;
  for (const { agent, obstacles } of findings) {
    if (!obstacles.every(endsWithTasks)) continue;
    for (const taskId of [...agent.bookings.keys()]) {
      tried += 1;
      if (tried > maxEndsTried) break;
      if (!helpsByEnding(index, request, { agent, taskId })) continue;
      helpful.push(taskId);
      agents.add(agent.id);
    }
  }
  if (helpful.length === 0) return [];
  return [
    { kind: 'ends', taskIds: helpful.slice(0, maxSamples), tasks: helpful.length, agents: agents.size },
  ];
}

/** True if the end of a task can remove the obstacle. */
function endsWithTasks({ cause }: Obstacle): boolean {
  return !['rule', 'draining', 'avoided', 'refused'].includes(cause.kind);
}

function helpsByEnding(
  index: AgentIndex,
  request: EquivalenceClass,
  { agent, taskId }: { readonly agent: AgentInfo; readonly taskId: string },
): boolean {
  const booking = index.give(agent, taskId);
  if (booking === undefined) return false;
  try {
    return request.obstaclesOn(agent).length === 0;
  } finally {
    index.take(agent, booking);
  }
}
