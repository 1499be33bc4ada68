import type { JobRecord, JobStatusRecord, TaskRecord } from '../../gen/berth/v1/store.js';
import type { RetryPolicy } from '../../gen/netflix/titus/titus_base.js';
import type {
  Container,
  Job,
  JobDescriptor,
  Task,
  TaskInstances,
} from '../../gen/netflix/titus/titus_job_api.js';
import { isTerminal, State, stateName, toRfc3339 } from '../task/task-state.js';
import { userTypeClaim } from './mantis.js';
import { completeRetryPolicy } from './retry-policy.js';
import { noStage, stageSpec, stagesOf } from './stages.js';

export type JobKind = 'batch' | 'service' | 'mantis';

/** The cluster of jobs that name none. It is always there. */
export const defaultClusterId = 'default';

/** The label, and the metadata header, that names a job's cluster. */
export const clusterIdLabel = 'berth.jobClusterId';

/** The default of `TaskInstances.max`: 2^31-1. */
export const unboundedInstances = 2_147_483_647;

/** The wanted number of tasks; min <= desired <= max. */
export interface Instances {
  readonly min: number;
  readonly max: number;
  readonly desired: number;
}

/**
 * Returns the kind of job. Undefined if the descriptor has no job spec; stored descriptors always have one.
 */
export function jobKind(descriptor: JobDescriptor): JobKind | undefined {
  return descriptor.jobSpec?.$case;
}

/**
 * Returns the wanted number of tasks of the job, or of one stage of a Mantis job. Unset fields are filled
 * in.
 */
export function instancesOf(descriptor: JobDescriptor, stage: number = noStage): Instances {
  return completeInstances(stageSpec(descriptor, stage)?.instances);
}

/** Returns the number of tasks that all stages of the job want together. */
export function totalDesired(descriptor: JobDescriptor): number {
  return stagesOf(descriptor).reduce((sum, stage) => sum + instancesOf(descriptor, stage).desired, 0);
}

/** Fills in unset fields: min 0, max 2^31-1, desired the greater of min and 1. */
export function completeInstances(instances: TaskInstances | undefined): Instances {
  const min = instances?.min ?? 0;
  return { min, max: instances?.max ?? unboundedInstances, desired: instances?.desired ?? Math.max(min, 1) };
}

/**
 * Returns the retry policy of the job, or of one stage, with every delay. Without a policy, a failed task is
 * not tried again.
 */
export function retryPolicyOf(
  descriptor: JobDescriptor,
  stage: number = noStage,
): NonNullable<RetryPolicy['policy']> {
  const policy = stageSpec(descriptor, stage)?.retryPolicy?.policy;
  return policy === undefined ? { $case: 'immediate', value: { retries: 0 } } : completeRetryPolicy(policy);
}

/** Returns the container of the job, or of one stage of a Mantis job: the named one, or the only one. */
export function containerOf(descriptor: JobDescriptor, stage: number = noStage): Container | undefined {
  const named = stageSpec(descriptor, stage)?.containerId ?? '';
  if (named !== '')
    return Object.hasOwn(descriptor.containers, named) ? descriptor.containers[named] : undefined;
  const all = Object.values(descriptor.containers);
  return all.length === 1 ? all[0] : undefined;
}

/** The longest time that a task may stay RUNNING, in seconds; 0 for no limit. */
export function runtimeLimitSecs(descriptor: JobDescriptor): number {
  return descriptor.jobSpec?.$case === 'batch' ? descriptor.jobSpec.value.runtimeLimitSecs : 0;
}

/** The job's state; a job that the master has not seen yet is QUEUED. */
export function jobState(status: JobStatusRecord | undefined): State {
  return status?.state?.state ?? State.QUEUED;
}

/** True if the job is neither FINISHED nor FAILED. */
export function isJobLive(status: JobStatusRecord | undefined): boolean {
  return !isTerminal(jobState(status));
}

/**
 * Returns the name that a live job claims, so that no other live job has the same app, stack, detail and
 * sequence. Undefined without a sequence. The commit that creates the job claims the name, and the commit
 * that ends the job releases it.
 */
export function jobGroupClaim(descriptor: JobDescriptor): string | undefined {
  const group = descriptor.jobGroupInfo;
  if (group === undefined || group.sequence === '') return undefined;
  return `group:${JSON.stringify([descriptor.appName, group.stack, group.detail, group.sequence])}`;
}

/**
 * Returns the name of a job's number within the limit of its cluster. A limited cluster has as many numbers
 * as it may have live jobs. Each number has one holder, even if jobs are created at the same time.
 */
export function quotaClaim({
  clusterId,
  clusterPlace = 0,
}: Pick<JobRecord, 'clusterId' | 'clusterPlace'>): string | undefined {
  return clusterPlace === 0 ? undefined : `${placeSpace}${JSON.stringify([clusterId, clusterPlace])}`;
}

/** True if {@link quotaClaim} made the name. */
export function isQuotaClaim(name: string): boolean {
  return name.startsWith(placeSpace);
}

const placeSpace = 'place:';

/** Returns all names that the job claims while it lives. A second job cannot claim any of them. */
export function jobClaims(job: JobRecord): readonly string[] {
  const names = [
    userTypeClaim(job),
    job.descriptor === undefined ? undefined : jobGroupClaim(job.descriptor),
    quotaClaim(job),
  ];
  return names.filter((name) => name !== undefined);
}

/** The public message of a job. Its descriptor and tasks are those of the records, not copies. */
export function composeJob(
  job: JobRecord,
  status: JobStatusRecord | undefined,
  tasks: readonly TaskRecord[],
): Job {
  const created = { state: stateName(State.QUEUED), timestamp: toRfc3339(job.createdAtMs) };
  return {
    id: job.id,
    jobClusterId: job.clusterId,
    jobDescriptor: job.descriptor,
    tasks: tasks.map((task) => task.task).filter((task): task is Task => task !== undefined),
    jobState: status?.state ?? { state: State.QUEUED, reason: '' },
    stateChanges: status === undefined ? [created] : status.stateChanges,
  };
}
