import { unitFactor } from '../expression/vocabulary.js';
import type { Level } from './ast.js';

/**
 * The unit of a metric: a percentage of the requested resource, a rate in Mbps, or the unit that its task
 * publishes.
 */
export type MetricQuantity = 'percent' | 'rate' | 'published';

/** The metrics that agents measure of every sampled task. A task publishes all others itself. */
export const measuredMetrics: Readonly<Record<string, MetricQuantity>> = {
  CPUUtilization: 'percent',
  MemoryUtilization: 'percent',
  NetworkUtilization: 'percent',
  NetworkIn: 'rate',
  NetworkOut: 'rate',
};

export function quantityOf(metric: string): MetricQuantity {
  return (Object.hasOwn(measuredMetrics, metric) ? measuredMetrics[metric] : undefined) ?? 'published';
}

/**
 * Converts the level to the metric's own unit: per cent, Mbps, or as published. Undefined if its unit does
 * not fit.
 */
export function levelIn(quantity: MetricQuantity | 'count', { value, unit }: Level): number | undefined {
  if (unit === '') return value;
  if (quantity === 'percent') return unit === '%' ? value : undefined;
  const factor = quantity === 'rate' && unit !== '%' ? unitFactor('rate', unit) : undefined;
  return factor === undefined ? undefined : value * factor;
}
