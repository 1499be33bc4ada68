import { stateName } from '@berth/shared/model/task/task-state';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { CellGuard } from '../cell/cell-guard.js';
import type { Reporter } from '../cell/reporter.js';
import { stuckRemovals } from '../core/reduce-task.js';
import type { TaskView } from '../core/task-view.js';
import type { Worker } from '../tasks/worker.js';

/** The sources of the metrics. They are read at each scrape. */
interface MetricSources {
  readonly workers: readonly Worker[];
  readonly reporter: Reporter;
  readonly guard: CellGuard;
}

const launchBucketsSeconds = [0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30];

/** Returns the histogram of launches. */
export function launchHistogram(registry: Registry): Histogram {
  return new Histogram({
    name: 'berth_agent_launch_seconds',
    help: 'Time from creating a container until it runs',
    buckets: launchBucketsSeconds,
    registers: [registry],
  });
}

/** Adds the agents' gauges to the registry. */
export function registerGauges(registry: Registry, { workers, reporter, guard }: MetricSources): void {
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
    'Launches that the engine gets at one time',
    sum(({ launches }) => launches.limit),
  );
  gauge(
    'engines_silent',
    'Container engines that do not answer',
    sum(({ outage }) => (outage === undefined ? 0 : 1)),
  );
  gauge(
    'containers_stuck',
    'Containers that cannot be removed',
    sum((worker) => [...worker.views()].filter(isStuck).length),
  );
  gauge(
    'cell_held',
    '1 while the store is not that of the cell of the containers here, and nothing is done',
    () => (guard.held === undefined ? 0 : 1),
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
        for (const { progress } of worker.views()) {
          this.inc({ state: progress.reported === undefined ? 'NEW' : stateName(progress.reported) });
        }
      }
    },
  });
}

function isStuck({ progress }: TaskView): boolean {
  return progress.removeFailures >= stuckRemovals;
}

/** The events of sampling rounds. */
export interface SamplerMetrics {
  onRound(tasks: number, durationMs: number): void;
  /** Samples that the store took or did not take. */
  onSamples(outcome: 'published' | 'dropped', count: number): void;
  /** Tasks without figures from their engine. */
  onUnseen(count: number): void;
  /** Pages of tasks' own metrics. */
  onPage(outcome: 'read' | 'failed'): void;
}

const roundBucketsSeconds = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

/** Returns the metrics of sampling, added to the registry. */
export function samplerMetrics(registry: Registry): SamplerMetrics {
  const shared = { registers: [registry] };
  const tasks = new Gauge({
    ...shared,
    name: 'berth_agent_sampled_tasks',
    help: 'Tasks that are sampled',
  });
  const round = new Histogram({
    ...shared,
    name: 'berth_agent_sample_round_seconds',
    help: 'Time to measure all sampled tasks and to publish the samples',
    buckets: roundBucketsSeconds,
  });
  const samples = new Counter({
    ...shared,
    name: 'berth_agent_samples_total',
    help: 'Samples of tasks: published, dropped because the store did not take them, unseen because the engine gave no figures',
    labelNames: ['outcome'],
  });
  const pages = new Counter({
    ...shared,
    name: 'berth_agent_metric_pages_total',
    help: 'Pages of metrics that tasks publish themselves, by the outcome of reading them',
    labelNames: ['outcome'],
  });
  return {
    onRound: (count, durationMs) => {
      tasks.set(count);
      if (count > 0) round.observe(durationMs / 1000);
    },
    onSamples: (outcome, count) => samples.inc({ outcome }, count),
    onUnseen: (count) => samples.inc({ outcome: 'unseen' }, count),
    onPage: (outcome) => pages.inc({ outcome }),
  };
}

function setTo(read: () => number) {
  return function collect(this: Gauge): void {
    this.set(read());
  };
}
