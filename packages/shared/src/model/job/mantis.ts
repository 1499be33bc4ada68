import type { JobRecord } from '../../gen/berth/v1/store.js';
import {
  MantisJobSLA_DurationType as DurationType,
  type JobDescriptor,
  type MantisJobSpec,
} from '../../gen/netflix/titus/titus_job_api.js';

/** The time that a Transient job goes on without subscribers, if it states none. */
export const defaultSubscriptionTimeoutSecs = 300;

/** Returns the spec of a Mantis job; undefined for a job of another kind. */
export function mantisSpec(descriptor: JobDescriptor | undefined): MantisJobSpec | undefined {
  const spec = descriptor?.jobSpec;
  return spec?.$case === 'mantis' ? spec.value : undefined;
}

/**
 * Returns the time at which a Mantis job reaches its runtime limit, counted from its submission. Infinity
 * means never. A batch job's limit applies to each task instead.
 */
export function runtimeEndMs(job: JobRecord): number {
  const limitSecs = mantisSpec(job.descriptor)?.jobSLA?.runtimeLimitSecs ?? 0;
  return limitSecs > 0 ? job.createdAtMs + limitSecs * 1000 : Number.POSITIVE_INFINITY;
}

/** The time for which a job continues without observers. */
interface IdleLimits {
  readonly subscriptionTimeoutMs: number;
  readonly minRuntimeMs: number;
}

/** Returns the limits of a Transient job; undefined for a job that goes on without observers. */
export function idleLimitsOf(descriptor: JobDescriptor | undefined): IdleLimits | undefined {
  const spec = mantisSpec(descriptor);
  if (spec?.jobSLA?.durationType !== DurationType.Transient) return undefined;
  const timeoutSecs = spec.subscriptionTimeoutSecs ?? defaultSubscriptionTimeoutSecs;
  return { subscriptionTimeoutMs: timeoutSecs * 1000, minRuntimeMs: spec.jobSLA.minRuntimeSecs * 1000 };
}

/**
 * Returns the name that a Mantis job with a user-provided type holds; undefined if it has no such type. The
 * name keeps a second live job of that type out of the cluster. A second request for such a job gets the
 * first job.
 */
export function userTypeClaim({
  clusterId,
  descriptor,
}: Pick<JobRecord, 'clusterId' | 'descriptor'>): string | undefined {
  const type = mantisSpec(descriptor)?.jobSLA?.userProvidedType ?? '';
  return type === '' ? undefined : `${typePrefix}${JSON.stringify([clusterId, type])}`;
}

/**
 * Returns the claims that a job gives back in the commit that orders its end: its type, so that a new job
 * may have it.
 */
export function typeReleases(job: JobRecord): readonly { readonly name: string; readonly owner: string }[] {
  const name = userTypeClaim(job);
  return name === undefined ? [] : [{ name, owner: job.id }];
}

/** True if the name is one of {@link userTypeClaim}. */
export function isTypeClaim(name: string): boolean {
  return name.startsWith(typePrefix);
}

const typePrefix = 'type:';
