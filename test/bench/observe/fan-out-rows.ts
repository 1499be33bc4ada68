/**
 * The rows of the fan-out: each stream beside etcd, and beside a server that encodes and writes each change
 * for each subscriber.
 */
import { atMost, atMostTimes, type BenchRow, beside, median, noted } from '../report.js';

/** Of one contestant, a value for each round. */
export interface Figures {
  readonly perSecond: number[];
  readonly cpuMicros: number[];
  readonly p50Ms: number[];
  readonly p99Ms: number[];
  /** Like p50Ms and p99Ms, at half of the rate that etcd reached in the same round. */
  readonly p50SameMs: number[];
  readonly p99SameMs: number[];
}

export function noFigures(): Figures {
  return { perSecond: [], cpuMicros: [], p50Ms: [], p99Ms: [], p50SameMs: [], p99SameMs: [] };
}

/**
 * Compares the figures for this number of subscribers with the goals. `figures` go by contestant and number
 * of subscribers.
 */
export function fanOutRows(figures: ReadonlyMap<string, Figures>, subscribers: number): readonly BenchRow[] {
  const rows: BenchRow[] = [];
  const of = (name: string, what: keyof Figures) =>
    median(figures.get(`${name} ${subscribers}`)?.[what] ?? []);
  const to = `to ${subscribers}`;
  const isGoal = subscribers >= 10;
  const isThere = (name: string) => figures.has(`${name} ${subscribers}`);
  for (const [name, leastOfEtcd] of [
    ['berth.v1', 1],
    ['ObserveJobs', 0.5],
  ] as const) {
    if (!isThere(name)) continue;
    const against = { etcd: leastOfEtcd, 'encode and write each': 10 };
    for (const [other, least] of Object.entries(against).filter(([each]) => isThere(each))) {
      const compared = { name: other, value: of(other, 'perSecond'), least, isGoal };
      rows.push(atLeastTimes(`${name} ${to}`, of(name, 'perSecond'), compared));
    }
    const cpuMicros = of(name, 'cpuMicros');
    const cpu = `${name} ${to}: gateway CPU per event`;
    const besides = Object.keys(against).filter(isThere);
    if (besides.length === 0) rows.push(noted(cpu, cpuMicros, 'µs'));
    for (const other of besides)
      rows.push(beside(noted(cpu, cpuMicros, 'µs'), other, of(other, 'cpuMicros')));
    rows.push(noted(`${name} ${to} at half the rate: p50`, of(name, 'p50Ms'), 'ms'));
    const p99 = of(name, 'p99Ms');
    const atOwnRate = atMost(`${name} ${to} at half the rate: p99`, p99, 'ms', 100);
    rows.push(isThere('etcd') ? beside(atOwnRate, 'etcd', of('etcd', 'p99Ms')) : atOwnRate);
    if (!isThere('etcd')) continue;
    // At the same rate: otherwise the contestant that delivers more would run under more load.
    const same = `${name} ${to} at half of etcd's rate`;
    rows.push(beside(noted(`${same}: p50`, of(name, 'p50SameMs'), 'ms'), 'etcd', of('etcd', 'p50SameMs')));
    const compared = { name: 'etcd', value: of('etcd', 'p99SameMs'), limit: 1 };
    rows.push(atMostTimes(`${same}: p99`, of(name, 'p99SameMs'), compared));
  }
  return rows;
}

function atLeastTimes(
  name: string,
  value: number,
  against: {
    readonly name: string;
    readonly value: number;
    readonly least: number;
    readonly isGoal: boolean;
  },
): BenchRow {
  const ratio = value / against.value;
  return {
    case: name,
    value: Math.round(value),
    unit: 'events/s',
    against: against.name,
    againstValue: Math.round(against.value),
    ratio: Number(ratio.toPrecision(3)),
    ...(against.isGoal ? { goal: `ratio >= ${against.least}`, holds: ratio >= against.least } : {}),
  };
}
