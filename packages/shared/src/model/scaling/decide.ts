import type { Policy } from './policy.js';
import {
  type Hold,
  type Holds,
  type Outlook,
  type Proposal,
  type ScalingStanding,
  type Situation,
  withinBounds,
} from './situation.js';
import { actionText, standingText } from './standing-text.js';
import { type Want, wantOf } from './wanted.js';

/** The result of a service's policies. */
interface ScalingOutcome {
  /** To be handed in the next time; nothing holds any more once the decision is carried out. */
  readonly holds: Holds;
  /** The standing of each policy, in their order. */
  readonly outlooks: readonly Outlook[];
  readonly decision?: Proposal;
}

/** One policy, weighed by itself. */
interface WeighedPolicy {
  readonly policy: Policy;
  readonly want: Want;
  readonly hold: Hold | undefined;
  readonly standing: ScalingStanding;
  /** The number of instances that it asks for, within the bounds. */
  readonly to: number;
}

/**
 * Decides on the instances of a service. A policy is due if its condition held at every check for its
 * duration, and its cool-down has passed since the last scaling by any policy. If several are due, one that
 * adds wins over those that remove, and a greater number of instances wins over smaller ones. A policy that
 * calls for more keeps others from removing, even if it cannot act itself.
 */
export function decideScaling(
  policies: readonly Policy[],
  situation: Situation,
  holds: Holds = new Map(),
): ScalingOutcome {
  const weighed = policies.map((policy, place) => weigh(policy, situation, holds.get(place)));
  const winner = situation.isEnabled ? pick(weighed, situation.instances.desired) : undefined;
  const held = weighed.flatMap(({ hold }, place): [number, Hold][] => (hold ? [[place, hold]] : []));
  return {
    holds: new Map(held),
    outlooks: weighed.map((each) => outlookOf(each, winner, situation)),
    ...(winner && { decision: proposalOf(winner, situation) }),
  };
}

function weigh(policy: Policy, situation: Situation, before: Hold | undefined): WeighedPolicy {
  const { nowMs, patienceMs, isEnabled, instances } = situation;
  const known = before !== undefined && nowMs - before.seenMs <= patienceMs ? before : undefined;
  const want = wantOf(policy, situation, known);
  if (!isEnabled) return { policy, want, hold: undefined, standing: 'disabled', to: instances.desired };
  if (want.isMet !== true) {
    const standing = want.isMet === undefined ? 'unknown' : 'notMet';
    return { policy, want, hold: undefined, standing, to: instances.desired };
  }
  const hold = prolong(known, want, nowMs);
  const count = want.direction === 'in' ? (hold.most ?? want.count) : want.count;
  const to = withinBounds(count, instances);
  return { policy, want, hold, to, standing: standingOf(policy, { situation, hold, count, to }) };
}

function prolong(before: Hold | undefined, { direction, count }: Want, nowMs: number): Hold {
  const same = before !== undefined && before.direction === direction ? before : undefined;
  const sinceMs = same?.sinceMs ?? nowMs;
  if (direction === undefined) return { sinceMs, seenMs: nowMs };
  return { sinceMs, seenMs: nowMs, direction, most: Math.max(same?.most ?? count, count) };
}

interface Due {
  readonly situation: Situation;
  readonly hold: Hold;
  readonly count: number;
  readonly to: number;
}

function standingOf(policy: Policy, { situation, hold, count, to }: Due): ScalingStanding {
  const { nowMs, lastActionMs, starting, instances } = situation;
  const { desired } = instances;
  if (nowMs - hold.sinceMs < policy.durationMs) return 'holding';
  if (to === desired) return count !== desired ? 'atBound' : isAdding(policy, hold) ? 'waiting' : 'enough';
  const isRemoval = to < desired;
  if (isRemoval && starting > 0) return 'waiting';
  const coolDownMs = isRemoval ? policy.scaleInCoolDownMs : policy.coolDownMs;
  if (lastActionMs !== undefined && nowMs - lastActionMs < coolDownMs) return 'coolingDown';
  return 'acting';
}

function pick(weighed: readonly WeighedPolicy[], desired: number): WeighedPolicy | undefined {
  const able = weighed.filter(({ standing }) => standing === 'acting');
  const greatest = able.reduce<WeighedPolicy | undefined>(
    (best, each) => (best === undefined || each.to > best.to ? each : best),
    undefined,
  );
  if (greatest === undefined || greatest.to > desired) return greatest;
  return weighed.some((each) => callsForMore(each, desired)) ? undefined : greatest;
}

function isAdding(policy: Policy, hold: Hold | undefined): boolean {
  return policy.kind === 'target' ? hold?.direction === 'out' : policy.action.verb.startsWith('add');
}

/** True if the policy has been met for long enough and wants at least the present number of instances. */
function callsForMore({ policy, hold, standing, to }: WeighedPolicy, desired: number): boolean {
  if (!['coolingDown', 'waiting', 'atBound'].includes(standing)) return false;
  return to > desired || isAdding(policy, hold);
}

function outlookOf(each: WeighedPolicy, winner: WeighedPolicy | undefined, situation: Situation): Outlook {
  const { policy, want, hold } = each;
  const standing = each.standing === 'acting' && each !== winner ? 'outvoted' : each.standing;
  return {
    policy: policy.text,
    action: actionText(policy),
    standing,
    text: standingText(standing, { policy, hold, situation, to: each.to }),
    values: want.values,
  };
}

function proposalOf({ policy, want, to }: WeighedPolicy, { instances }: Situation): Proposal {
  return { policy: policy.text, from: instances.desired, to, values: want.values };
}
