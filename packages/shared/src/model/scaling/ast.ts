/**
 * The condition and the action of a scaling policy, parsed. Columns count from 1. `grammar.peggy` defines
 * their syntax.
 */
export type Condition = ConditionJunction | ConditionNegation | MetricComparison;

/** Both, or either, of two conditions. */
interface ConditionJunction {
  readonly kind: 'and' | 'or';
  readonly left: Condition;
  readonly right: Condition;
}

interface ConditionNegation {
  readonly kind: 'not';
  readonly operand: Condition;
}

export type ComparisonOperator = '<' | '<=' | '==' | '!=' | '>=' | '>';

export interface MetricComparison {
  readonly kind: 'compare';
  readonly operator: ComparisonOperator;
  readonly left: Aggregate;
  readonly right: Level;
  readonly column: number;
}

/** `target(CPUUtilization) = 60%`: the mean of the metric is to stay there. */
export interface Target {
  readonly kind: 'target';
  readonly metric: Metric;
  readonly level: Level;
  readonly column: number;
}

const functionNames = ['avg', 'min', 'max', 'sum', 'p50', 'p90', 'p99', 'count'] as const;

export type FunctionName = (typeof functionNames)[number];

/** One number made of the values that the tasks have for a metric. */
export interface Aggregate {
  readonly fn: FunctionName;
  readonly metric: Metric;
  readonly column: number;
}

export interface Metric {
  readonly name: string;
  readonly column: number;
}

/** A number with its unit as written; '' for none. */
export interface Level {
  readonly value: number;
  readonly unit: string;
  readonly column: number;
}

/** The change that a policy makes. Percentages refer to the present instances. */
export interface Action {
  readonly verb: 'addInstances' | 'removeInstances' | 'setInstances' | 'addPercent' | 'removePercent';
  readonly amount: number;
}

/** Returns the text of the aggregate. It names its value for people. */
export function aggregateText({ fn, metric }: Aggregate): string {
  return `${fn}(${metric.name})`;
}
