import type { JobRecord, JobStatusRecord } from '@berth/shared/gen/berth/v1/store';
import { isJobLive } from '@berth/shared/model/job/job';
import { idleLimitsOf } from '@berth/shared/model/job/mantis';
import { silenceMs } from '@berth/shared/model/job/observer-times';
import { State, stateName } from '@berth/shared/model/task/task-state';

/** The last sign of a job's observers. */
export interface ObserverSign {
  /** The time of the sign by the store's clock. Only a change of it means anything. */
  readonly mark: number | undefined;
  /** The master's time of the last change of the mark, or of the first reading. */
  readonly atMs: number;
}

/** Returns the sign after one more reading of the mark. */
export function updateSign(
  before: ObserverSign | undefined,
  mark: number | undefined,
  nowMs: number,
): ObserverSign {
  return before !== undefined && before.mark === mark ? before : { mark, atMs: nowMs };
}

/** True if the job ends when nobody observes it: it is Transient, live, and nobody has ordered its end. */
export function mayBeIdle(job: JobRecord, status: JobStatusRecord | undefined): boolean {
  return job.kill === undefined && isJobLive(status) && idleLimitsOf(job.descriptor) !== undefined;
}

/** Returns the time of the job's change to RUNNING; undefined if it does not run yet. */
export function runningSinceMs(status: JobStatusRecord | undefined): number | undefined {
  const change = status?.stateChanges.find(({ state }) => state === stateName(State.RUNNING));
  return change === undefined ? undefined : Date.parse(change.timestamp);
}

/**
 * Returns the reason to end the job: nobody has observed it for its timeout, and it has run for its least
 * time. Returns undefined if it goes on. Both times count from when it began to run, so that a job that waits
 * for capacity does not end before it began.
 */
export function idleReason(
  job: JobRecord,
  status: JobStatusRecord | undefined,
  sign: ObserverSign,
  nowMs: number,
): string | undefined {
  const limits = idleLimitsOf(job.descriptor);
  const sinceMs = runningSinceMs(status);
  if (limits === undefined || sinceMs === undefined) return undefined;
  const { subscriptionTimeoutMs, minRuntimeMs } = limits;
  const unobservedMs = nowMs - Math.max(sign.atMs, sinceMs);
  if (unobservedMs < subscriptionTimeoutMs + silenceMs || nowMs - sinceMs < minRuntimeMs) return undefined;
  return `nobody has observed the job for ${subscriptionTimeoutMs / 1000} s`;
}
