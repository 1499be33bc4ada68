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

export interface GatewayMetrics {
  /** Commits by outcome: ok, conflict, claimed, fenced or error. */
  readonly commits: Counter<'outcome'>;
  readonly commitSeconds: Histogram;
}

/**
 * Creates the metrics of a gateway besides those of its calls. Streams and replica are read when Prometheus
 * asks. No label has a value that callers choose: each value is kept for ever, and everybody may read it. The
 * log names slow callers (slow-streams.ts).
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
    help: 'Changes that wait for the slowest stream.',
    labelNames: ['method'],
    registers,
    collect() {
      this.reset();
      for (const [method, pending] of worstByMethod(streams, (stream) => stream.pending))
        this.set({ method }, pending);
    },
  });
  new Gauge({
    name: 'berth_gateway_observe_lag_seconds',
    help: 'Time that the oldest change has waited for the slowest stream.',
    labelNames: ['method'],
    registers,
    collect() {
      this.reset();
      for (const [method, lagMs] of worstByMethod(streams, (stream) => stream.lagMs()))
        this.set({ method }, lagMs / 1000);
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

/** Returns the greatest value of each method. */
export function worstByMethod(
  streams: ReadonlySet<OpenStream>,
  measure: (stream: OpenStream) => number,
): ReadonlyMap<string, number> {
  const worst = new Map<string, number>();
  for (const stream of streams)
    worst.set(stream.method, Math.max(measure(stream), worst.get(stream.method) ?? 0));
  return worst;
}
