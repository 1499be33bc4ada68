import { status } from '@grpc/grpc-js';
import { Counter, Histogram, type Registry } from 'prom-client';

export type CallKind = 'unary' | 'server_stream' | 'bidi_stream';

/** Counts one call; `ended` is to be called once, with its status. */
export interface CallMetrics {
  started(path: string, kind: CallKind): { ended(code: status): void };
}

/** From a tenth of a millisecond for reads from memory to a minute for what waits. Streams run on into the last one. */
const bucketsSeconds = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
];

const perRegistry = new WeakMap<Registry, CallMetrics>();
const uncounted: CallMetrics = { started: () => ({ ended: () => {} }) };

/** The gRPC server metrics under their usual names, once per registry; without a registry nothing is counted. */
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
  return {
    started: (path, kind) => {
      const labels = labelsOf(path, kind);
      startedTotal.inc(labels);
      const timed = handlingSeconds.startTimer(labels);
      return {
        ended: (code) => {
          timed();
          handledTotal.inc({ ...labels, grpc_code: status[code] });
        },
      };
    },
  };
}

function labelsOf(path: string, kind: CallKind) {
  const [, service = '', method = ''] = path.split('/');
  return { grpc_type: kind, grpc_service: service, grpc_method: method };
}
