import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Creates the master's metrics for Prometheus. */
export function createMasterMetrics(registry: Registry) {
  const registers = [registry];
  return {
    leader: new Gauge({ name: 'berth_master_leader', help: '1 while this master leads', registers }),
    epoch: new Gauge({ name: 'berth_master_epoch', help: 'The epoch of the last lease held', registers }),
    queued: new Gauge({ name: 'berth_master_queued_tasks', help: 'Tasks that wait for an agent', registers }),
    reports: new Counter({ name: 'berth_master_reports_total', help: 'Agent reports committed', registers }),
    placements: new Counter({ name: 'berth_master_placements_total', help: 'Tasks placed', registers }),
    fires: new Counter({
      name: 'berth_master_fires_total',
      help: 'Runs of schedules, and starts for a minimum, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    scaledJobs: new Gauge({
      name: 'berth_master_scaled_jobs',
      help: 'Live jobs with scaling policies',
      registers,
    }),
    sampledTasks: new Gauge({
      name: 'berth_master_sampled_tasks',
      help: 'Tasks with samples in memory for scaling',
      registers,
    }),
    samples: new Counter({
      name: 'berth_master_samples_total',
      help: 'Samples read for scaling',
      registers,
    }),
    scalings: new Counter({
      name: 'berth_master_scalings_total',
      help: 'Changes of the number of instances by scaling policies',
      labelNames: ['direction'],
      registers,
    }),
    rounds: new Histogram({
      name: 'berth_master_round_seconds',
      help: 'Duration of a round, its commit included',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    }),
    planning: new Histogram({
      name: 'berth_master_plan_seconds',
      help: 'Duration of the decisions of a round',
      buckets: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25],
      registers,
    }),
  };
}

export type MasterMetrics = ReturnType<typeof createMasterMetrics>;
