import type { MetricsPage, Series } from './prometheus-text.js';
import type { Metrics } from './usage.js';

/** What a page of a task's metrics showed at one time. */
export interface PageReading {
  readonly readAtMs: number;
  readonly gauges: Metrics;
  /** Sums that only grow, until the task restarts them. */
  readonly counters: Metrics;
  /** Metrics that are beyond the number that a task may have. */
  readonly leftOut: number;
}

/** Metrics of its own that a task may have: each of them is sent every few seconds. */
export const maxOwnMetrics = 200;
const maxNameLength = 200;

/**
 * One value for each name: the sum over its series. Parts of a distribution (labels `le` and `quantile`) cannot be summed and are
 * left out, as are values that are not finite, and names beyond the number that a task may have.
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
 * The metrics of a task from two looks at its page: gauges as they are, and of counters the growth in a second between the looks.
 * A counter that is new, or went back, has no growth yet.
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

/** Of a distribution, `_count` and `_sum` are counters. OpenMetrics declares a counter without its `_total`. */
function counts(name: string, types: MetricsPage['types']): boolean {
  const declared = types.get(name) ?? types.get(name.replace(/_total$/, ''));
  if (declared !== undefined) return declared === 'counter';
  const distribution = types.get(name.replace(/_(count|sum)$/, ''));
  return distribution === 'histogram' || distribution === 'summary';
}
