import type { Replica } from '@berth/shared/store/replica';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** An observe stream that is open, as metrics see it. */
export interface OpenStream {
  readonly method: string;
  /** The caller's id. */
  readonly caller: string;
  /** Changes that wait to be sent. */
  readonly pending: number;
}

export interface GatewayMetrics {
  /** Commits by outcome: ok, conflict, claimed, fenced or error. */
  readonly commits: Counter<'outcome'>;
  readonly commitSeconds: Histogram;
}

/** What the gateway tells Prometheus beside its calls. Streams and replica are looked at when metrics are asked for. */
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
      for (const [labels, pending] of slowestByCaller(streams)) this.set(labels, pending);
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

function slowestByCaller(
  streams: ReadonlySet<OpenStream>,
): readonly (readonly [{ method: string; caller: string }, number])[] {
  const slowest = new Map<string, readonly [{ method: string; caller: string }, number]>();
  for (const { method, caller, pending } of streams) {
    const key = `${method} ${caller}`;
    const known = slowest.get(key)?.[1] ?? -1;
    if (pending > known) slowest.set(key, [{ method, caller }, pending]);
  }
  return [...slowest.values()];
}
