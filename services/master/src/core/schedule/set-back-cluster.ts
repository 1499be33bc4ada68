/*
 * Sets back the records of a cluster that a leader stored whose clock ran ahead. Such a leader decided on
 * runs of the future: they come again at their time, with jobs of other ids.
 */
import { type ClusterStatusRecord, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import type { Entity } from '@berth/shared/model/cell/entity';
import { isAhead } from '@berth/shared/model/cell/leader-time';
import type { ClusterInput } from './cluster-jobs.js';
import { keptRuns } from './runs.js';

/** The records that are set back. */
export interface SetBack {
  /** Undefined if it was right. */
  readonly status: ClusterStatusRecord | undefined;
  readonly jobs: readonly Entity<'job'>[];
}

/** Returns the input without times from a clock that ran ahead, and the records that differ. */
export function setBackCluster(input: ClusterInput): ClusterInput & { readonly setBack?: SetBack } {
  const { nowMs } = input;
  const status = setBackStatus(input.status, nowMs);
  const jobs = input.jobs.map(({ job, ...rest }) => ({ ...rest, job: setBackJob(job, nowMs) }));
  const changed = jobs.flatMap(({ job }, index) => (job === input.jobs[index]?.job ? [] : [job]));
  if (status === input.status && changed.length === 0) return input;
  return {
    ...input,
    status,
    jobs,
    setBack: { status: status === input.status ? undefined : status, jobs: changed },
  };
}

function setBackStatus(
  status: ClusterStatusRecord | undefined,
  nowMs: number,
): ClusterStatusRecord | undefined {
  if (status === undefined || !isAhead(status.firedThroughMs, nowMs)) return status;
  return { ...status, firedThroughMs: lastDecidedMs(status, nowMs), setBacks: (status.setBacks ?? 0) + 1 };
}

/**
 * Returns the time of the last run that was decided in the past; runs that count as missed are decided anew.
 * If it was forgotten among many runs, it is as if all up to now were decided.
 */
function lastDecidedMs({ fires }: ClusterStatusRecord, nowMs: number): number {
  const isPast = ({ atMs, outcome }: (typeof fires)[number]) =>
    atMs <= nowMs && outcome !== FireOutcome.MISSED;
  const last = fires.findLast(isPast)?.atMs;
  return last ?? (fires.length < keptRuns ? 0 : nowMs);
}

/** Jobs replace one another in the order of their creation. */
function setBackJob(job: Entity<'job'>, nowMs: number): Entity<'job'> {
  const { record } = job;
  if (!isAhead(record.createdAtMs, nowMs)) return job;
  return { ...job, record: { ...record, createdAtMs: nowMs - 1, resolveImagesUntilMs: undefined } };
}
