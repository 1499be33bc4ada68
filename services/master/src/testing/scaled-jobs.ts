import type { JobRecord, SampleBatch } from '@berth/shared/gen/berth/v1/store';
import {
  MantisAutoScalingPolicy,
  ScalingPolicy,
  type TaskInstances,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { aMantisJob, aService, type JobOptions } from './fixtures.js';

export interface ScaledServiceOptions extends JobOptions {
  readonly instances?: Partial<TaskInstances>;
  readonly policies?: readonly Partial<ScalingPolicy>[];
  readonly isEnabled?: boolean;
}

/**
 * A service of 1 to 5 tasks that grows by one after ten seconds above 80 % of its processors, each 30 s at
 * most.
 */
export function aScaledService(options: ScaledServiceOptions = {}): JobRecord {
  const { instances, policies = [busyPolicy()], isEnabled = true, ...rest } = options;
  const job = aService(rest);
  const spec = job.descriptor?.jobSpec;
  if (job.descriptor === undefined || spec?.$case !== 'service')
    throw new Error('the fixture makes no service');
  const value = {
    ...spec.value,
    instances: { min: 1, max: 5, desired: 1, ...instances },
    enabled: isEnabled,
    scalingPolices: policies.map((policy) => ScalingPolicy.fromPartial(policy)),
  };
  return { ...job, descriptor: { ...job.descriptor, jobSpec: { $case: 'service', value } } };
}

export function busyPolicy(terms: Partial<ScalingPolicy> = {}): Partial<ScalingPolicy> {
  return {
    condition: 'avg(CPUUtilization) > 80%',
    action: 'addInstances 1',
    durationSecs: 10,
    labels: { 'berth.coolDownSecs': '30' },
    ...terms,
  };
}

/**
 * A Mantis job of two stages of 1 to 5 workers. The second scales by its use of processors, without
 * cool-down.
 */
export function aScaledStage(policy: object = {}): JobRecord {
  const job = aMantisJob();
  const spec = job.descriptor?.jobSpec;
  if (job.descriptor === undefined || spec?.$case !== 'mantis')
    throw new Error('the fixture makes no stages');
  const autoScalingPolicy = MantisAutoScalingPolicy.fromJSON({
    strategies: { CPU: { scaleUpAbovePct: 80, scaleDownBelowPct: 20 } },
    ...policy,
  });
  const instances = { min: 1, max: 5, desired: 1 };
  const stages = spec.value.stages.map((stage, index) =>
    index === 0 ? { ...stage, instances } : { ...stage, instances, autoScalingPolicy },
  );
  const jobSpec = { $case: 'mantis' as const, value: { ...spec.value, stages } };
  return { ...job, descriptor: { ...job.descriptor, jobSpec } };
}

/** Samples of these tasks, each using so much of its processors. */
export function cpuBatch(taskIds: readonly string[], CPUUtilization: number): SampleBatch {
  const samples = taskIds.map((taskId) => ({
    taskId,
    atMs: 0,
    values: { CPUUtilization, MemoryUtilization: 1 },
  }));
  return { agentId: 'agent-1', samples };
}
