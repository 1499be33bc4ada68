import type { Action } from './ast.js';
import { aggregate, evaluate, type Reading } from './evaluate.js';
import { levelIn, quantityOf } from './metrics.js';
import { type ConditionPolicy, type Policy, policyMetrics, type TargetPolicy } from './policy.js';
import type { Direction, Hold, Situation } from './situation.js';

/** The demand of a policy, by the values alone. */
export interface Want {
  /** Undefined if a value that decides it is unknown. */
  readonly isMet: boolean | undefined;
  readonly values: Readonly<Record<string, number>>;
  /** If it is met: the number of instances that it asks for, before bounds. */
  readonly count: number;
  readonly direction?: Direction;
}

/** Returns the present demand of the policy. `hold` is the time for which it has been met. */
export function wantOf(policy: Policy, situation: Situation, hold: Hold | undefined): Want {
  const want =
    policy.kind === 'target' ? targetWant(policy, situation) : conditionWant(policy, situation, hold);
  if (want.isMet !== true || isHeard(policy, situation, want.count)) return want;
  return { ...want, isMet: undefined };
}

/**
 * True if enough tasks have sent readings. Additions need half of the running tasks. Removals need all of
 * them, since a silent task may be the busy one. A job that its caller has set to 0 stays there.
 */
function isHeard(policy: Policy, { readings, running, instances }: Situation, count: number): boolean {
  const isRemoval = count < instances.desired;
  const heard = readings.filter((reading) => hasReported(reading, policy)).length;
  return running > 0 && instances.desired > 0 && heard >= (isRemoval ? running : running / 2);
}

/**
 * A new task reports its use only with its second sample. Not every task has to publish its own metrics.
 */
function hasReported(reading: Reading, policy: Policy): boolean {
  const measured = policyMetrics(policy).filter((metric) => quantityOf(metric) !== 'published');
  return measured.length === 0 || measured.some((metric) => Object.hasOwn(reading, metric));
}

function conditionWant(
  { condition, action, hysteresisPct }: ConditionPolicy,
  situation: Situation,
  hold: Hold | undefined,
): Want {
  const pct = hold === undefined ? 0 : hysteresisPct;
  // Without any reading of a job, even a count of 0 is unknown.
  if (situation.readings.length === 0) return { isMet: undefined, values: {}, count: 0 };
  const { holds, values } = evaluate(condition, situation.readings, { pct });
  return { isMet: holds, values, count: countAfter(action, situation) };
}

/**
 * Additions count from the settled instances. Otherwise instances that are ordered but do not run yet would
 * be ordered twice.
 */
function countAfter({ verb, amount }: Action, { instances: { desired }, settled }: Situation): number {
  const base = Math.min(desired, settled);
  switch (verb) {
    case 'addInstances':
      return Math.max(desired, base + amount);
    case 'addPercent':
      return Math.max(desired, base + Math.max(1, Math.ceil((base * amount) / 100)));
    case 'setInstances':
      return amount;
    case 'removeInstances':
      return desired - amount;
    case 'removePercent':
      return desired - Math.max(1, Math.floor((desired * amount) / 100));
  }
}

/** Keeps a quotient that is a whole number but for rounding from being taken for more. */
const rounding = 1e-9;

/** As many instances as would bring the mean to the target, if the load stayed as it is. */
function targetWant({ target: { metric, level }, hysteresisPct }: TargetPolicy, situation: Situation): Want {
  const { readings, running, instances } = situation;
  const value = aggregate({ fn: 'avg', metric, column: 0 }, readings);
  if (value === undefined) return { isMet: undefined, values: {}, count: 0 };
  const values = { [`avg(${metric.name})`]: value };
  const goal = levelIn(quantityOf(metric.name), level) ?? level.value;
  const band = (goal * hysteresisPct) / 100;
  const count = Math.ceil((running * value) / goal - rounding);
  if (value > goal + band)
    return { isMet: true, values, count: Math.max(count, instances.desired), direction: 'out' };
  // Only a whole instance too many is one.
  if (value < goal - band && count < instances.desired)
    return { isMet: true, values, count, direction: 'in' };
  return { isMet: false, values, count };
}
