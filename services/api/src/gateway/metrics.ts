import type { Replica } from '@berth/store/replica';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** An open observe stream, as metrics see it. */
export interface OpenStream {
  readonly method: string;
  /** The caller's id. */
  readonly caller: string;
  /** Changes that wait to be sent. */
  readonly pending: number;
  /** The time that the oldest change has waited to be sent. */
  lagMs(): number;
}

/** For each method the metrics name this many callers: those furthest behind. All others count as one. */
export const namedCallers = 50;
export const otherCallers = '(others)';

export interface GatewayMetrics {
  /** Commits by outcome: ok, conflict, claimed, fenced or error. */
  readonly commits: Counter<'outcome'>;
  readonly commitSeconds: Histogram;
}

/**
 * Creates the metrics of a gateway besides those of its calls. Streams and replica are read when Prometheus
 * asks.
 */
export function createGatewayMetrics(
  registry: Registry,
  streams: ReadonlySet<OpenStream>,
  replica: Replica,
): GatewayMetrics {
  const registers = [registry];
  new Gauge({
    name: 'berth_gateway_observe_streams',
    help: 'Observe streams that are open.',
    labelNames: ['method'],
    registers,
    collect() {
      this.reset();
      for (const { method } of streams) this.inc({ method });
    },
  });
  new Gauge({
    name: 'berth_gateway_observe_pending_changes',
    help: 'Changes that wait for the slowest stream of each caller.',
    labelNames: ['method', 'caller'],
    registers,
    collect() {
      this.reset();
      for (const [labels, pending] of worstByCaller(streams, (stream) => stream.pending))
        this.set(labels, pending);
    },
  });
  new Gauge({
    name: 'berth_gateway_observe_lag_seconds',
    help: 'Time that the oldest change has waited for the slowest stream of each caller.',
    labelNames: ['method', 'caller'],
    registers,
    collect() {
      this.reset();
      for (const [labels, lagMs] of worstByCaller(streams, (stream) => stream.lagMs()))
        this.set(labels, lagMs / 1000);
    },
  });
  new Gauge({
    name: 'berth_gateway_revision',
    help: 'The last revision that this gateway has seen.',
    registers,
    collect() {
      this.set(replica.revision);
    },
  });
  return {
    commits: new Counter({
      name: 'berth_gateway_commits_total',
      help: 'Commits by outcome.',
      labelNames: ['outcome'],
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'berth_gateway_commit_seconds',
      help: 'Time of a commit, until it is durable.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
  };
}

interface StreamLabels {
  readonly method: string;
  readonly caller: string;
}

type Worst = readonly [StreamLabels, number];

/**
 * Returns the greatest value of each caller by method. Callers beyond {@link namedCallers} have one value
 * together.
 */
export function worstByCaller(
  streams: ReadonlySet<OpenStream>,
  measure: (stream: OpenStream) => number,
): readonly Worst[] {
  const byMethod = new Map<string, Map<string, number>>();
  for (const stream of streams) {
    const callers = byMethod.get(stream.method) ?? new Map<string, number>();
    byMethod.set(stream.method, callers);
    callers.set(stream.caller, Math.max(measure(stream), callers.get(stream.caller) ?? 0));
  }
  return [...byMethod].flatMap(([method, callers]) => {
    const worstFirst = [...callers].sort(([, a], [, b]) => b - a);
    const named = worstFirst.slice(0, namedCallers);
    const next = worstFirst[namedCallers];
    if (next !== undefined) named.push([otherCallers, next[1]]);
    return named.map(([caller, value]): Worst => [{ method, caller }, value]);
  });
}
