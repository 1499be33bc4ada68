import type { JobRecord, JobStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { isJobLive } from '@berth/shared/model/job/job';
import { idleLimitsOf } from '@berth/shared/model/job/mantis';
import { silenceMs } from '@berth/shared/model/job/observer-times';
import { State, stateName } from '@berth/shared/model/task/task-state';

/** What the master has heard of a job's subscribers. Times are of the master's clock. */
export interface Heard {
  /** The last time that gateways have told, by the store's clock: only whether it changes means anything. */
  readonly mark: number | undefined;
  /** When that changed, or when listening began. */
  readonly atMs: number;
}

/** What is known after one more look. */
export function hear(before: Heard | undefined, mark: number | undefined, nowMs: number): Heard {
  return before !== undefined && before.mark === mark ? before : { mark, atMs: nowMs };
}

/** Whether the job is one that ends when nobody observes it: Transient, live, and not about to end anyway. */
export function mayBeIdle(job: JobRecord, status: JobStatusRecord | undefined): boolean {
  return job.kill === undefined && isJobLive(status) && idleLimitsOf(job.descriptor) !== undefined;
}

/** When the job began to run; undefined where it does not yet. */
export function runningSinceMs(status: JobStatusRecord | undefined): number | undefined {
  const change = status?.stateChanges.find(({ state }) => state === stateName(State.RUNNING));
  return change === undefined ? undefined : Date.parse(change.timestamp);
}

/**
 * Why the job is to end: nobody has observed it for its timeout, and it has run for its least time; undefined where it
 * goes on. Both count from when it began to run, so that a job which waits for room is not over before it began.
 */
export function idleReason(
  job: JobRecord,
  status: JobStatusRecord | undefined,
  heard: Heard,
  nowMs: number,
): string | undefined {
  const limits = idleLimitsOf(job.descriptor);
  const sinceMs = runningSinceMs(status);
  if (limits === undefined || sinceMs === undefined) return undefined;
  const { subscriptionTimeoutMs, minRuntimeMs } = limits;
  const unobservedMs = nowMs - Math.max(heard.atMs, sinceMs);
  if (unobservedMs < subscriptionTimeoutMs + silenceMs || nowMs - sinceMs < minRuntimeMs) return undefined;
  return `nobody has observed the job for ${subscriptionTimeoutMs / 1000} s`;
}
