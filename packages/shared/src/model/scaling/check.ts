import { didYouMean } from '../errors/did-you-mean.js';
import type { ExpressionError } from '../expression/ast.js';
import {
  aggregateText,
  type Condition,
  type Level,
  type Metric,
  type MetricComparison,
  type Target,
} from './ast.js';
import { levelIn, type MetricQuantity, measuredMetrics, quantityOf } from './metrics.js';

const names = Object.keys(measuredMetrics);

const unitsOf: Readonly<Record<MetricQuantity | 'count', string>> = {
  percent: 'per cent: write 80 or 80%',
  rate: 'Mbps, or a unit such as 100Mbps or 1Gb',
  published: 'a number without a unit, as the task publishes it',
  count: 'a number of tasks, without a unit',
};

/** Returns all faults in the meaning of a condition; an empty list if it can be evaluated. */
export function checkCondition(condition: Condition | Target): readonly ExpressionError[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return [...checkCondition(condition.left), ...checkCondition(condition.right)];
    case 'not':
      return checkCondition(condition.operand);
    case 'compare':
      return checkComparison(condition);
    case 'target':
      return checkTarget(condition);
  }
}

function checkComparison({ left, right }: MetricComparison): readonly ExpressionError[] {
  const quantity = left.fn === 'count' ? 'count' : quantityOf(left.metric.name);
  const slips = checkMetric(left.metric);
  return slips.length > 0 ? slips : checkLevel(aggregateText(left), quantity, right);
}

function checkTarget({ metric, level }: Target): readonly ExpressionError[] {
  const slips = checkMetric(metric);
  const errors = slips.length > 0 ? slips : checkLevel(metric.name, quantityOf(metric.name), level);
  if (level.value > 0) return errors;
  return [...errors, { column: level.column, message: 'a target must be greater than 0' }];
}

/** A slip of a measured metric's name would be taken for a published metric that never comes. */
function checkMetric({ name, column }: Metric): readonly ExpressionError[] {
  if (Object.hasOwn(measuredMetrics, name)) return [];
  const meant = didYouMean(name, names);
  return meant === undefined ? [] : [{ column, message: `${name} is no metric; did you mean ${meant}?` }];
}

function checkLevel(
  what: string,
  quantity: MetricQuantity | 'count',
  level: Level,
): readonly ExpressionError[] {
  if (levelIn(quantity, level) !== undefined) return [];
  const message = `${level.value}${level.unit} has the unit "${level.unit}", but ${what} is ${unitsOf[quantity]}`;
  return [{ column: level.column, message }];
}
