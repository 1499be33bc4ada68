import type { Instances } from '../job/job.js';
import type { Reading } from './evaluate.js';
import { type Outlook, type Proposal, type ScalingStanding, withinBounds } from './situation.js';
import type { StagePolicy, Strategy } from './stage-policy.js';

/** The last values of each resource, the oldest first; at most `of` of the strategy. */
export type StageWindows = ReadonlyMap<string, readonly number[]>;

interface StageSituation {
  readonly instances: Instances;
  /** One for each worker that was heard of lately: the mean of its last two samples. */
  readonly readings: readonly Reading[];
  /** The time of the stage's last scaling; before that, the launch of its job. */
  readonly lastScaledMs: number;
  readonly nowMs: number;
}

interface StageOutcome {
  /** To be handed in the next time; they are emptied once a decision is carried out. */
  readonly windows: StageWindows;
  readonly outlooks: readonly Outlook[];
  readonly decision?: Proposal;
}

/** One strategy and the direction that its window calls for. */
interface WeighedStrategy {
  readonly strategy: Strategy;
  readonly value: number | undefined;
  readonly window: readonly number[];
  readonly direction: 'up' | 'down' | 'none';
}

/**
 * Processes one event of a stage. The value of each resource enters its window, even during a cool-down. A
 * strategy calls for more instances if enough values of its window are above the upper threshold. Otherwise
 * it calls for fewer if enough are below the lower one. All strategies share one cool-down. A strategy that
 * calls for more wins over others that call for fewer.
 */
export function decideStage(
  policy: StagePolicy,
  situation: StageSituation,
  windows: StageWindows = new Map(),
): StageOutcome {
  const { instances } = situation;
  // A stage that its caller has set to 0 is not measured. The values of its last tasks, which are ending,
  // do not count.
  if (instances.min === instances.max || instances.desired === 0) return { windows: new Map(), outlooks: [] };
  const weighed = policy.strategies.map((strategy) => weigh(strategy, situation.readings, windows));
  const standing = standingsOf(weighed, policy, situation);
  const winner = weighed.find((_, place) => standing[place] === 'acting');
  return {
    windows: new Map(weighed.map(({ strategy, window }) => [strategy.resource, window])),
    outlooks: weighed.map((each, place) =>
      outlookOf(each, standing[place] ?? 'unknown', { policy, situation }),
    ),
    ...(winner && { decision: proposalOf(winner, policy, instances) }),
  };
}

/** Returns the strategy in words. */
function strategyText({ resource, up, down, count, of }: Strategy): string {
  const often = of === 1 ? '' : ` in ${count} of ${of}`;
  const above = up === Number.POSITIVE_INFINITY ? [] : [`> ${up}`];
  const below = down === 0 ? [] : [`< ${down}`];
  return `${resource} ${[...above, ...below].join(' or ')}${often}`;
}

function weigh(strategy: Strategy, readings: readonly Reading[], windows: StageWindows): WeighedStrategy {
  const value = combined(strategy, readings);
  const before = windows.get(strategy.resource) ?? [];
  const window = value === undefined ? before : [...before, value].slice(-strategy.of);
  const above = window.filter((each) => each > strategy.up).length;
  const below = window.filter((each) => each < strategy.down).length;
  // Without a new value nothing has happened that could call for anything.
  const isJudged = value !== undefined && window.length >= strategy.count;
  const direction = !isJudged
    ? 'none'
    : above >= strategy.count
      ? 'up'
      : below >= strategy.count
        ? 'down'
        : 'none';
  return { strategy, value, window, direction };
}

function combined({ metric, combine }: Strategy, readings: readonly Reading[]): number | undefined {
  const values = readings.flatMap((reading) => {
    const value = Object.hasOwn(reading, metric) ? reading[metric] : undefined;
    return value === undefined || !Number.isFinite(value) ? [] : [value];
  });
  if (values.length === 0) return undefined;
  return combine === 'max'
    ? values.reduce((a, b) => Math.max(a, b))
    : values.reduce((a, b) => a + b, 0) / values.length;
}

function standingsOf(
  weighed: readonly WeighedStrategy[],
  policy: StagePolicy,
  { instances, lastScaledMs, nowMs }: StageSituation,
): readonly ScalingStanding[] {
  const isCool = nowMs - lastScaledMs > policy.coolDownMs;
  const wantsMore = weighed.some(({ direction }) => direction === 'up');
  let hasWinner = false;
  return weighed.map(({ direction, value }): ScalingStanding => {
    if (direction === 'none') return value === undefined ? 'unknown' : 'notMet';
    if (direction === 'down' && wantsMore) return 'outvoted';
    if (countAfter(direction, policy, instances) === instances.desired) return 'atBound';
    if (!isCool) return 'coolingDown';
    if (hasWinner) return 'outvoted';
    hasWinner = true;
    return 'acting';
  });
}

function countAfter(direction: 'up' | 'down', policy: StagePolicy, instances: Instances): number {
  const step = direction === 'up' ? policy.increment : -policy.decrement;
  return withinBounds(instances.desired + step, instances);
}

interface Ground {
  readonly policy: StagePolicy;
  readonly situation: StageSituation;
}

function outlookOf(each: WeighedStrategy, standing: ScalingStanding, { policy, situation }: Ground): Outlook {
  const { strategy, value } = each;
  return {
    policy: strategyText(strategy),
    action:
      each.direction === 'down' ? `removeInstances ${policy.decrement}` : `addInstances ${policy.increment}`,
    standing,
    text: textOf(each, standing, { policy, situation }),
    values: value === undefined ? {} : { [strategy.resource]: value },
  };
}

function textOf(
  { strategy, direction }: WeighedStrategy,
  standing: ScalingStanding,
  { policy, situation }: Ground,
): string {
  const { instances, lastScaledMs, nowMs } = situation;
  const says = direction === 'up' ? 'calls for more' : 'calls for less';
  switch (standing) {
    case 'unknown':
      return 'nothing was heard of it';
    case 'coolingDown':
      return `${says}; cools down for another ${Math.ceil((policy.coolDownMs - (nowMs - lastScaledMs)) / 1000)} s`;
    case 'atBound':
      return `${says}; ${instances.desired} instances are as far as it may go`;
    case 'outvoted':
      return `${says}; another strategy decides`;
    case 'acting':
      return says;
    default:
      return thresholdText(strategy);
  }
}

function thresholdText({ up, down, count, of }: Strategy): string {
  const samples = of === 1 ? 'a sample' : `${count} of ${of} samples`;
  const above = up === Number.POSITIVE_INFINITY ? [] : [`more on ${samples} above ${up}`];
  const below = down === 0 ? [] : [`less on ${samples} below ${down}`];
  return `calls for ${[...above, ...below].join(', for ')}`;
}

function proposalOf(
  { strategy, value, direction }: WeighedStrategy,
  policy: StagePolicy,
  instances: Instances,
): Proposal {
  return {
    policy: strategyText(strategy),
    from: instances.desired,
    to: countAfter(direction === 'down' ? 'down' : 'up', policy, instances),
    values: value === undefined ? {} : { [strategy.resource]: value },
  };
}
