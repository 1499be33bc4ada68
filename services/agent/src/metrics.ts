import { stateName } from '@berth/shared/model/task-state';
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Reporter } from './reporter.js';
import type { Worker } from './worker.js';

/** What the figures are taken from, at the moment they are asked for. */
export interface MetricSources {
  readonly workers: readonly Worker[];
  readonly reporter: Reporter;
}

const launchBucketsSeconds = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30];

/** The histogram of launches; they are observed as they happen. */
export function launchHistogram(registry: Registry): Histogram {
  return new Histogram({
    name: 'berth_agent_launch_seconds',
    help: 'Time from creating a container to its having started',
    buckets: launchBucketsSeconds,
    registers: [registry],
  });
}

/** Adds the agents' figures to the registry. */
export function registerGauges(registry: Registry, { workers, reporter }: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({ name: `berth_agent_${name}`, help, registers: [registry], collect: setTo(read) });
  const sum = (read: (worker: Worker) => number) => () =>
    workers.reduce((total, worker) => total + read(worker), 0);
  gauge(
    'launches_in_flight',
    'Containers being created and started',
    sum(({ launches }) => launches.inFlight),
  );
  gauge(
    'launches_queued',
    'Containers that wait for their turn',
    sum(({ launches }) => launches.queued),
  );
  gauge(
    'launch_limit',
    'Launches that the engine is given at a time',
    sum(({ launches }) => launches.limit),
  );
  gauge(
    'engines_silent',
    'Container engines that do not answer',
    sum(({ outage }) => (outage === undefined ? 0 : 1)),
  );
  gauge('reports_pending', 'Reports that are not stored yet', () => reporter.pending);
  new Gauge({
    name: 'berth_agent_tasks',
    help: 'Tasks by the last state reported',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.reset();
      for (const worker of workers) {
        for (const { memory } of worker.views()) {
          this.inc({ state: memory.reported === undefined ? 'NEW' : stateName(memory.reported) });
        }
      }
    },
  });
}

function setTo(read: () => number) {
  return function collect(this: Gauge): void {
    this.set(read());
  };
}
