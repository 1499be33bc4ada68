import { status } from '@grpc/grpc-js';
import { Counter, Histogram, type Registry } from 'prom-client';
import { elapsedMs, systemClock } from '../../process/clock.js';

export type CallKind = 'unary' | 'server_stream' | 'bidi_stream';

/** A call that has been counted; `ended` is to be called once, with its status. */
export interface CountedCall {
  ended(code: status): void;
}

interface CallMetrics {
  started(path: string, kind: CallKind): CountedCall;
}

/**
 * From a tenth of a millisecond (reads from memory) to a minute (calls that wait). Streams count in the
 * last bucket.
 */
const bucketsSeconds = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
];

const perRegistry = new WeakMap<Registry, CallMetrics>();
const uncountedCall: CountedCall = { ended: () => {} };
const uncounted: CallMetrics = { started: () => uncountedCall };

/**
 * Returns the gRPC server metrics under their usual names, one set per registry. Without a registry nothing
 * is counted.
 */
export function callMetrics(registry: Registry | undefined): CallMetrics {
  if (registry === undefined) return uncounted;
  const known = perRegistry.get(registry);
  if (known !== undefined) return known;
  const created = createCallMetrics(registry);
  perRegistry.set(registry, created);
  return created;
}

function createCallMetrics(registry: Registry): CallMetrics {
  const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'] as const;
  const registers = [registry];
  const startedTotal = new Counter({
    name: 'grpc_server_started_total',
    help: 'Calls begun.',
    labelNames,
    registers,
  });
  const handledTotal = new Counter({
    name: 'grpc_server_handled_total',
    help: 'Calls ended, by status.',
    labelNames: [...labelNames, 'grpc_code'],
    registers,
  });
  const handlingSeconds = new Histogram({
    name: 'grpc_server_handling_seconds',
    help: 'Time from the beginning of a call to its status.',
    labelNames,
    buckets: bucketsSeconds,
    registers,
  });
  const methods = new Map<string, CountedMethod>();
  return {
    started: (path, kind) => {
      const key = `${kind} ${path}`;
      const method = methods.get(key) ?? { labels: labelsOf(path, kind), handledTotal, handlingSeconds };
      methods.set(key, method);
      startedTotal.inc(method.labels);
      return new TimedCall(method);
    },
  };
}

type Labels = ReturnType<typeof labelsOf>;

/**
 * The counters that all calls of one method share. Only methods that are served get one, so there are few.
 */
interface CountedMethod {
  readonly labels: Labels;
  readonly handledTotal: Counter<keyof Labels | 'grpc_code'>;
  readonly handlingSeconds: Histogram<keyof Labels>;
}

class TimedCall implements CountedCall {
  readonly #method: CountedMethod;
  readonly #beganMs = elapsedMs(systemClock);

  constructor(method: CountedMethod) {
    this.#method = method;
  }

  ended(code: status): void {
    const { labels, handledTotal, handlingSeconds } = this.#method;
    handlingSeconds.observe(labels, (elapsedMs(systemClock) - this.#beganMs) / 1000);
    handledTotal.inc({ ...labels, grpc_code: status[code] });
  }
}

function labelsOf(path: string, kind: CallKind) {
  const [, service = '', method = ''] = path.split('/');
  return { grpc_type: kind, grpc_service: service, grpc_method: method };
}
