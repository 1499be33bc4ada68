import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * The interval for sampling the event loop's delay. It is short enough to show a stall, and long enough to
 * let an idle process rest.
 */
const eventLoopSampleMs = 100;

/**
 * Returns a registry with the process's own figures (memory, CPU, garbage collection, event loop), all with
 * the label `service`.
 */
export function createRegistry(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopSampleMs });
  return registry;
}
