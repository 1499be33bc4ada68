import type { MetricsPage, Series } from './prometheus-text.js';
import type { Metrics } from './usage.js';

/** The metrics on a task's page at one time. */
export interface PageReading {
  readonly readAtMs: number;
  readonly gauges: Metrics;
  /** Sums that only grow, until the task resets them. */
  readonly counters: Metrics;
  /** The number of metrics beyond {@link maxOwnMetrics}. */
  readonly leftOut: number;
}

/** The metrics of its own that a task may have. Each is sent every few seconds. */
export const maxOwnMetrics = 200;
const maxNameLength = 200;

/**
 * Returns one value for each name: the sum over its series. Parts of a distribution (labels `le` and
 * `quantile`) have no meaningful sum and are left out, as are values that are not finite and names beyond
 * {@link maxOwnMetrics}.
 */
export function readPage(page: MetricsPage, readAtMs: number): PageReading {
  const sums = new Map<string, number>();
  const leftOut = new Set<string>();
  for (const series of page.series) {
    const { name, value } = series;
    if (!isSummable(series)) continue;
    const sum = sums.get(name);
    if (sum !== undefined || sums.size < maxOwnMetrics) sums.set(name, (sum ?? 0) + value);
    else leftOut.add(name);
  }
  const isCounter = ([name]: readonly [string, number]) => counts(name, page.types);
  const entries = [...sums];
  return {
    readAtMs,
    counters: Object.fromEntries(entries.filter(isCounter)),
    gauges: Object.fromEntries(entries.filter((entry) => !isCounter(entry))),
    leftOut: leftOut.size,
  };
}

/**
 * Returns a task's metrics from two readings of its page: gauges as they are, counters as their growth in one
 * second. A counter that is new, or that went back, has no growth yet.
 */
export function ownMetrics(before: PageReading | undefined, now: PageReading): Metrics {
  const seconds = before === undefined ? 0 : (now.readAtMs - before.readAtMs) / 1000;
  if (before === undefined || seconds <= 0) return now.gauges;
  const rates = Object.entries(now.counters).flatMap(([name, value]) => {
    const earlier = Object.hasOwn(before.counters, name) ? before.counters[name] : undefined;
    return earlier === undefined || earlier > value ? [] : [[name, (value - earlier) / seconds] as const];
  });
  return { ...now.gauges, ...Object.fromEntries(rates) };
}

function isSummable({ name, labels, value }: Series): boolean {
  const isPart = Object.hasOwn(labels, 'le') || Object.hasOwn(labels, 'quantile');
  return Number.isFinite(value) && !isPart && name.length <= maxNameLength;
}

/**
 * The `_count` and `_sum` of a distribution are counters. OpenMetrics declares a counter without its
 * `_total`.
 */
function counts(name: string, types: MetricsPage['types']): boolean {
  const declared = types.get(name) ?? types.get(name.replace(/_total$/, ''));
  if (declared !== undefined) return declared === 'counter';
  const distribution = types.get(name.replace(/_(count|sum)$/, ''));
  return distribution === 'histogram' || distribution === 'summary';
}
