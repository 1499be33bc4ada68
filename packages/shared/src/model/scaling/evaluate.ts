import type { Aggregate, ComparisonOperator, Condition, FunctionName } from './ast.js';
import { aggregateText } from './ast.js';
import { levelIn, quantityOf } from './metrics.js';

/** The last values that one task reported, by name of the metric. */
export type Reading = Readonly<Record<string, number>>;

/**
 * The truth of a condition, and the values it used. The truth is undefined if a value that decides it is
 * unknown.
 */
interface Evaluation {
  readonly holds: boolean | undefined;
  readonly values: Readonly<Record<string, number>>;
}

/** Hysteresis: a condition that has come true stays true with a somewhat lower level. */
interface Hysteresis {
  /** The relaxation of each level, in per cent of it; 0 for none. */
  readonly pct: number;
}

const strict: Hysteresis = { pct: 0 };

/** Evaluates the condition over the tasks' readings. */
export function evaluate(
  condition: Condition,
  readings: readonly Reading[],
  hysteresis: Hysteresis = strict,
): Evaluation {
  const values: Record<string, number> = {};
  const holds = truthOf(condition, { readings, values, pct: hysteresis.pct });
  return { holds, values };
}

/** Combines the tasks' values into one number. Undefined if no task has a value; `count` is then 0. */
export function aggregate({ fn, metric }: Aggregate, readings: readonly Reading[]): number | undefined {
  const values: number[] = [];
  for (const reading of readings) {
    const value = Object.hasOwn(reading, metric.name) ? reading[metric.name] : undefined;
    if (value !== undefined && Number.isFinite(value)) values.push(value);
  }
  if (fn === 'count') return values.length;
  return values.length === 0 ? undefined : combine(fn, values);
}

function combine(fn: Exclude<FunctionName, 'count'>, values: readonly number[]): number {
  switch (fn) {
    case 'avg':
      return sum(values) / values.length;
    case 'sum':
      return sum(values);
    case 'min':
      return values.reduce((a, b) => Math.min(a, b));
    case 'max':
      return values.reduce((a, b) => Math.max(a, b));
    case 'p50':
      return percentile(values, 50);
    case 'p90':
      return percentile(values, 90);
    case 'p99':
      return percentile(values, 99);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

/** By nearest rank: the least value that at least so many per cent of the values do not exceed. */
function percentile(values: readonly number[], pct: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((pct / 100) * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

interface Scope {
  readonly readings: readonly Reading[];
  /** Gets each value that is seen. */
  readonly values: Record<string, number>;
  readonly pct: number;
}

/** Evaluates with three truth values: a result that does not depend on an unknown part is known. */
function truthOf(condition: Condition, scope: Scope): boolean | undefined {
  switch (condition.kind) {
    case 'and':
      return both(truthOf(condition.left, scope), truthOf(condition.right, scope));
    case 'or': {
      const neither = both(not(truthOf(condition.left, scope)), not(truthOf(condition.right, scope)));
      return not(neither);
    }
    case 'not':
      // Inside a negation the hysteresis works in the other direction.
      return not(truthOf(condition.operand, { ...scope, pct: -scope.pct }));
    case 'compare': {
      const { left, right, operator } = condition;
      const value = aggregate(left, scope.readings);
      if (value === undefined) return undefined;
      scope.values[aggregateText(left)] = value;
      const quantity = left.fn === 'count' ? 'count' : quantityOf(left.metric.name);
      return compare(operator, value, lenient(operator, levelIn(quantity, right) ?? right.value, scope.pct));
    }
  }
}

function both(a: boolean | undefined, b: boolean | undefined): boolean | undefined {
  if (a === false || b === false) return false;
  return a === undefined || b === undefined ? undefined : true;
}

function not(truth: boolean | undefined): boolean | undefined {
  return truth === undefined ? undefined : !truth;
}

function lenient(operator: ComparisonOperator, level: number, pct: number): number {
  const give = (Math.abs(level) * pct) / 100;
  if (operator === '>' || operator === '>=') return level - give;
  return operator === '<' || operator === '<=' ? level + give : level;
}

function compare(operator: ComparisonOperator, value: number, level: number): boolean {
  switch (operator) {
    case '<':
      return value < level;
    case '<=':
      return value <= level;
    case '==':
      return value === level;
    case '!=':
      return value !== level;
    case '>=':
      return value >= level;
    case '>':
      return value > level;
  }
}
