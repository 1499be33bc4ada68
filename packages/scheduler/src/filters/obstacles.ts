import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import type { Fleet } from '../index/block-index.js';
import type { AgentSlot } from '../index/indexed-agent.js';
import type { Rule } from './compile-spec.js';

/** What stops a task from running on an agent: a reason for people, and what would have to give way. */
export interface Obstacle {
  readonly reason: string;
  readonly cause:
    | { readonly kind: 'resource'; readonly resource: keyof Resources; readonly missing: number }
    | { readonly kind: 'condition'; readonly condition: ConditionName }
    | { readonly kind: 'rule'; readonly rule: string }
    | { readonly kind: 'exclusiveTenant' | 'draining' | 'refused' };
}

const scarce: readonly (readonly [Exclude<keyof Resources, 'gpuMillis'>, string])[] = [
  ['cpuMillis', 'too little cpu free'],
  ['memoryMb', 'too little memory free'],
  ['diskMb', 'too little disk free'],
  ['networkMbps', 'too little network free'],
  ['ports', 'too few ports free'],
  ['eni', 'too few network interfaces free'],
];

const noRules: readonly Rule[] = [];

const conditionReasons: Readonly<Record<ConditionName, string>> = {
  uniqueHost: 'a task of this job is there (uniqueHost)',
  exclusiveHost: 'other tasks are there (exclusiveHost)',
  zoneBalance: 'the zone has its share (zoneBalance)',
};

/** Everything that stops a task of the class on the agent; nothing where it could run there. */
export function obstaclesOn(slot: AgentSlot, request: RequestClass): readonly Obstacle[] {
  return [...missingResources(slot, request.resources), ...brokenRules(slot, request)];
}

/** For each reason the number of agents that it holds for. */
export function countReasons(fleet: Fleet, request: RequestClass): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const slot of fleet.agents()) {
    for (const { reason } of obstaclesOn(slot, request)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  return counts;
}

function missingResources(slot: AgentSlot, request: Resources): readonly Obstacle[] {
  if (slot.fits(request)) return [];
  const { free } = slot;
  const obstacles: Obstacle[] = [];
  for (const [resource, reason] of scarce) {
    const missing = request[resource] - free[resource];
    if (missing > 0) obstacles.push({ reason, cause: { kind: 'resource', resource, missing } });
  }
  if (!slot.fitsCards(request.gpuMillis)) {
    const largest = request.gpuMillis < 1000 ? slot.largestShare : slot.wholeCards * 1000;
    const missing = request.gpuMillis - largest;
    obstacles.push({
      reason: 'too few gpus free',
      cause: { kind: 'resource', resource: 'gpuMillis', missing },
    });
  }
  return obstacles;
}

function brokenRules(slot: AgentSlot, request: RequestClass): readonly Obstacle[] {
  const { conditions, fixedRules, changingRules } = request.spec;
  const obstacles: Obstacle[] = [];
  const rules = fixedRules.length + changingRules.length === 0 ? noRules : [...fixedRules, ...changingRules];
  const facts = rules.length === 0 ? undefined : request.factsOf(slot);
  for (const { name, holds } of rules) {
    if (facts === undefined || holds(facts)) continue;
    obstacles.push({ reason: `constraint not met (${name})`, cause: { kind: 'rule', rule: name } });
  }
  if (slot.isDraining) obstacles.push({ reason: 'draining', cause: { kind: 'draining' } });
  if (request.refusedBy?.has(slot.id)) {
    obstacles.push({ reason: 'it refused a task of this job lately', cause: { kind: 'refused' } });
  }
  if (slot.exclusiveTasks > 0) {
    obstacles.push({ reason: 'kept by an exclusive task', cause: { kind: 'exclusiveTenant' } });
  }
  for (const condition of conditions) {
    if (request.holds(condition, slot)) continue;
    obstacles.push({ reason: conditionReasons[condition], cause: { kind: 'condition', condition } });
  }
  return obstacles;
}
