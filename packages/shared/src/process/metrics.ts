import { collectDefaultMetrics, Registry } from 'prom-client';

/** The event loop's delay is sampled this often: often enough to see a stall, seldom enough to let an idle process rest. */
const eventLoopSampleMs = 100;

/** A registry with the process's own figures (memory, CPU, garbage collection, event loop), all labelled with `service`. */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopSampleMs });
  return registry;
}
