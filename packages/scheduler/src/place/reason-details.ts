import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { millisPerGpu } from '@berth/shared/model/resources/gpus';
import { kindOf, resourceFields } from '@berth/shared/model/resources/kinds';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import type { AgentInfo, Avoidance } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { avoidedReason } from '../filters/agent-filters.js';

type Field = keyof Resources;

/**
 * Returns the numbers behind the reasons why a task waits, by reason: the amount that it asks for beside the
 * largest agent, and the last failure of agents that are avoided. Reasons that a count explains have none.
 */
export function reasonDetails(
  request: EquivalenceClass,
  agents: readonly AgentInfo[],
  reasons: { has(reason: string): boolean },
): ReadonlyMap<string, string> {
  const details = new Map<string, string>();
  const usable = agents.filter((agent) => request.mayUse(agent));
  for (const field of resourceFields) {
    const { scarce } = kindOf(field);
    if (reasons.has(scarce)) details.set(scarce, shortageText(field, request.resources[field], usable));
  }
  if (reasons.has(avoidedReason)) details.set(avoidedReason, avoidanceText(agents));
  return details;
}

/** Compares the request with the agents that meet the constraints. */
function shortageText(field: Field, asked: number, agents: readonly AgentInfo[]): string {
  const { text } = kindOf(field);
  const asks = `asks ${text(asked)}`;
  if (agents.length === 0) return asks;
  let largest = 0;
  let most = 0;
  for (const agent of agents) {
    largest = Math.max(largest, agent.total[field]);
    const free = freeOf(agent, field, asked);
    if (free < asked) most = Math.max(most, free);
  }
  return asked > largest
    ? `${asks}; the largest agent has ${text(largest)}: it never fits`
    : `${asks}; at most ${text(most)} is free there; the largest agent has ${text(largest)}`;
}

/** Returns the part of the free amount that one task can use: a share is of one gpu. */
function freeOf({ free, largestShare, wholeGpus }: AgentInfo, field: Field, asked: number): number {
  if (field !== 'gpuMillis') return Math.max(0, free[field]);
  return asked < millisPerGpu ? largestShare : wholeGpus * millisPerGpu;
}

function avoidanceText(agents: readonly AgentInfo[]): string {
  const known = agents.flatMap(({ avoidance }) => avoidance ?? []);
  const last = latest(known);
  const nextMs = known.reduce((soonest, { untilMs }) => Math.min(soonest, untilMs), Number.POSITIVE_INFINITY);
  const next = known.some(({ isOnTrial }) => isOnTrial)
    ? 'a task tries one of them now'
    : `a task tries one of them at ${toRfc3339(nextMs)}`;
  return `last: ${last?.lastFailure ?? 'unknown'}; ${next}`;
}

function latest(all: readonly Avoidance[]): Avoidance | undefined {
  return all.reduce<Avoidance | undefined>(
    (newest, each) => (newest === undefined || each.lastFailedAtMs > newest.lastFailedAtMs ? each : newest),
    undefined,
  );
}
