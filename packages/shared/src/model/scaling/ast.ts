/**
 * The condition and the action of a scaling policy, parsed. Columns count from 1. `grammar.peggy` says how each is written.
 */
export type Condition = Junction | Negation | Comparison;

/** Both, or either, of two conditions. */
export interface Junction {
  readonly kind: 'and' | 'or';
  readonly left: Condition;
  readonly right: Condition;
}

export interface Negation {
  readonly kind: 'not';
  readonly operand: Condition;
}

export type Operator = '<' | '<=' | '==' | '!=' | '>=' | '>';

export interface Comparison {
  readonly kind: 'compare';
  readonly operator: Operator;
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

export const functionNames = ['avg', 'min', 'max', 'sum', 'p50', 'p90', 'p99', 'count'] as const;

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

/** What a policy does. Percentages are of the instances that there are. */
export interface Action {
  readonly verb: 'addInstances' | 'removeInstances' | 'setInstances' | 'addPercent' | 'removePercent';
  readonly amount: number;
}

/** The aggregate as one writes it: the name of its value, for people. */
export function aggregateText({ fn, metric }: Aggregate): string {
  return `${fn}(${metric.name})`;
}
