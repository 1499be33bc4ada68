import type { JobRecord } from '../../gen/berth/v1/store.js';
import {
  MantisJobSLA_DurationType as DurationType,
  type JobDescriptor,
  type MantisJobSpec,
} from '../../gen/netflix/titus/titus_job_api.js';

/** How long a Transient job goes on without subscribers where it does not say. */
export const defaultSubscriptionTimeoutSecs = 300;

/** What a Mantis job says of itself; undefined for a job of another kind. */
export function mantisSpec(descriptor: JobDescriptor | undefined): MantisJobSpec | undefined {
  const spec = descriptor?.jobSpec;
  return spec?.$case === 'mantis' ? spec.value : undefined;
}

/**
 * When the job as a whole has run for as long as it may, which for a Mantis job counts from its submission; Infinity:
 * never. The limit of a batch job is one of each of its tasks.
 */
export function runtimeEndMs(job: JobRecord): number {
  const limitSecs = mantisSpec(job.descriptor)?.jobSLA?.runtimeLimitSecs ?? 0;
  return limitSecs > 0 ? job.createdAtMs + limitSecs * 1000 : Number.POSITIVE_INFINITY;
}

/** How long a job goes on that nobody observes. */
export interface IdleLimits {
  readonly subscriptionTimeoutMs: number;
  readonly minRuntimeMs: number;
}

/** The limits of a Transient job; undefined for one that stays whether or not it is observed. */
export function idleLimitsOf(descriptor: JobDescriptor | undefined): IdleLimits | undefined {
  const spec = mantisSpec(descriptor);
  if (spec?.jobSLA?.durationType !== DurationType.Transient) return undefined;
  const timeoutSecs = spec.subscriptionTimeoutSecs ?? defaultSubscriptionTimeoutSecs;
  return { subscriptionTimeoutMs: timeoutSecs * 1000, minRuntimeMs: spec.jobSLA.minRuntimeSecs * 1000 };
}

/**
 * The name that a Mantis job with a type of its user's own holds, so that its cluster has no second live job of that
 * type; undefined where it has none. Whoever asks for such a job a second time gets the first.
 */
export function userTypeClaim({
  clusterId,
  descriptor,
}: Pick<JobRecord, 'clusterId' | 'descriptor'>): string | undefined {
  const type = mantisSpec(descriptor)?.jobSLA?.userProvidedType ?? '';
  return type === '' ? undefined : `${typePrefix}${JSON.stringify([clusterId, type])}`;
}

/** What a job that is to end gives back at once, in the commit that says so: its type, which a new job may have now. */
export function typeReleases(job: JobRecord): readonly { readonly name: string; readonly owner: string }[] {
  const name = userTypeClaim(job);
  return name === undefined ? [] : [{ name, owner: job.id }];
}

/** Whether the name is one of {@link userTypeClaim}. */
export function isTypeClaim(name: string): boolean {
  return name.startsWith(typePrefix);
}

const typePrefix = 'type:';
