import type {
  MantisAutoScalingPolicy,
  MantisAutoScalingPolicy_Strategy,
} from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';

/** More samples than this in a rolling count, or strategies on a stage, are refused. */
const maxRollingCount = 1000;
const maxStrategies = 20;

/** A day, in seconds: longer cool-downs are mistakes. */
const maxCoolDownSecs = 24 * 3600;

/** The scaling policy of a stage, with unset fields filled in. */
export interface StagePolicy {
  readonly increment: number;
  readonly decrement: number;
  readonly coolDownMs: number;
  readonly strategies: readonly Strategy[];
}

/**
 * The effect of a stage's use of one resource. Thresholds are in per cent of the requested amount, or as
 * published.
 */
export interface Strategy {
  readonly resource: string;
  readonly metric: string;
  /** The function that combines the values of the stage's workers. */
  readonly combine: 'mean' | 'max';
  /** Infinity if it never calls for more. */
  readonly up: number;
  /** 0 if it never calls for fewer. */
  readonly down: number;
  readonly count: number;
  readonly of: number;
}

/** Resources by their names in lower case; any other is a value that the workers publish under that name. */
const metrics: Readonly<Record<string, string>> = {
  cpu: 'CPUUtilization',
  memory: 'MemoryUtilization',
  jvmmemory: 'MemoryUtilization',
  network: 'NetworkUtilization',
};

/** Parses the policy. Undefined if the stage has none that could do anything. */
export function readStagePolicy(policy: MantisAutoScalingPolicy | undefined): StagePolicy | undefined {
  if (policy === undefined || Object.keys(policy.strategies).length === 0) return undefined;
  return {
    increment: Math.max(1, policy.increment),
    decrement: Math.max(1, policy.decrement),
    coolDownMs: policy.coolDownSecs * 1000,
    strategies: Object.entries(policy.strategies)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([resource, strategy]) => readStrategy(resource, strategy)),
  };
}

/**
 * A threshold of 0 counts as unset. With the greater of both, a strategy that only scales down would scale
 * up, too.
 */
function readStrategy(resource: string, strategy: MantisAutoScalingPolicy_Strategy): Strategy {
  const { scaleUpAbovePct: up, scaleDownBelowPct: down, rollingCount } = strategy;
  const name = resource.toLowerCase();
  return {
    resource,
    metric: (Object.hasOwn(metrics, name) ? metrics[name] : undefined) ?? resource,
    combine: name === 'kafkalag' ? 'max' : 'mean',
    up: up === 0 ? Number.POSITIVE_INFINITY : Math.max(up, down),
    down,
    count: Math.max(1, rollingCount?.count ?? 1),
    of: Math.max(1, rollingCount?.of ?? 1, rollingCount?.count ?? 1),
  };
}

/** Returns all faults of a stage's policy; paths are relative to it. */
export function stagePolicyViolations(policy: MantisAutoScalingPolicy): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, description: string) => violations.push({ field, description });
  if (policy.coolDownSecs > maxCoolDownSecs)
    refuse('coolDownSecs', `is ${policy.coolDownSecs}, but at most ${maxCoolDownSecs} is allowed`);
  const strategies = Object.entries(policy.strategies);
  if (strategies.length > maxStrategies)
    refuse('strategies', `has ${strategies.length} strategies; at most ${maxStrategies} are allowed`);
  for (const [resource, strategy] of strategies) checkStrategy(resource, strategy, refuse);
  return violations;
}

function checkStrategy(
  resource: string,
  { scaleUpAbovePct: up, scaleDownBelowPct: down, rollingCount }: MantisAutoScalingPolicy_Strategy,
  refuse: (field: string, description: string) => void,
): void {
  const path = `strategies[${JSON.stringify(resource.slice(0, 40))}]`;
  if (resource === '') refuse(path, 'has no resource, such as CPU, Memory or Network');
  if (up === 0 && down === 0) refuse(path, 'does nothing: set scaleUpAbovePct, scaleDownBelowPct or both');
  if (up > 0 && up < down) refuse(`${path}.scaleUpAbovePct`, `is ${up}, less than scaleDownBelowPct ${down}`);
  if (rollingCount === undefined) return;
  const { count, of } = rollingCount;
  if (of > maxRollingCount)
    refuse(`${path}.rollingCount.of`, `is ${of}, but at most ${maxRollingCount} is allowed`);
  if (count > Math.max(of, 1)) refuse(`${path}.rollingCount`, `count ${count} is more than of ${of}`);
}
