import {
  type AgentIndex,
  type GroupShares,
  type PlaceOptions,
  recentFailureMs,
  refusalMs,
} from '@berth/scheduler';
import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { addResources, zeroResources } from '@berth/shared/model/resources/vector';
import type { PlanBuilder } from '../plan/plan-builder.js';
import type { RoundInput } from '../plan/round-types.js';
import { preemptionRules } from './preemption-rules.js';

/** Returns the options of placement that hold for all tasks. */
export function placeOptions({ cell, nowMs, limits }: RoundInput): PlaceOptions {
  return {
    policy: limits.fitPolicy ?? 'binpack',
    failuresSinceMs: nowMs - recentFailureMs,
    refusalsSinceMs: nowMs - refusalMs,
    // A task that was stored while it waited has its reason already.
    explains: (taskId) => cell.find('task', taskId) === undefined,
  };
}

/** Returns the options of placement that depend on the round: shares of groups, and rules of preemption. */
export function orderOptions(
  input: RoundInput,
  builder: PlanBuilder,
  index: AgentIndex,
): Pick<PlaceOptions, 'groups' | 'preemption'> {
  const { limits, agents } = input;
  const { guarantees, preempts = false } = limits;
  return {
    ...(guarantees === undefined ? {} : { groups: shares(guarantees, agents.groupUse ?? new Map(), index) }),
    ...(preempts ? { preemption: preemptionRules(input, builder) } : {}),
  };
}

function shares(
  guarantees: ReadonlyMap<string, Resources>,
  used: ReadonlyMap<string, Resources>,
  index: AgentIndex,
): GroupShares {
  let total = zeroResources();
  for (const agent of index.agents()) total = addResources(total, agent.total);
  return { guarantees, used, total };
}
