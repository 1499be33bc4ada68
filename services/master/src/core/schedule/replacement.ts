/* The jobs that a newer one of a schedule replaces, under the policy `replace`. */
import { isJobLive, jobState } from '@berth/shared/model/job/job';
import { State } from '@berth/shared/model/task/task-state';
import { type ClusterJob, type ClusterJobs, hasRun } from './cluster-jobs.js';

/** A job that no agent has taken for this long finds no room beside the older jobs of its cluster. */
export const noCapacityMs = 15_000;

interface Replacement {
  readonly replaced: readonly ClusterJob[];
  /** The time at which more jobs are replaced though nothing changes; Infinity: never. */
  readonly dueMs: number;
}

/**
 * Returns the live jobs that a newer one of the schedule replaces: all that are older than the newest that
 * has run; of its jobs that have not run, all but the newest; and all others, if the newest finds no room.
 */
export function replacedJobs(jobs: ClusterJobs, nowMs: number): Replacement {
  const ofRuns = jobs.all.filter(({ job }) => job.record.fireAtMs > 0);
  const newestRun = latest(ofRuns.filter(hasRun));
  const newest =
    jobs.started.length > 0 ? undefined : latest(ofRuns.filter(({ status }) => isJobLive(status)));
  const noCapacityAtMs =
    newest === undefined ? never : waitingSinceMs(newest, newestRun, ofRuns) + noCapacityMs;
  const isReplaced = (each: ClusterJob) => {
    if (newestRun !== undefined && isOlder(each, newestRun)) return true;
    if (newest === undefined) return jobs.started.length > 0 && each.job.record.fireAtMs > 0 && !hasRun(each);
    if (!isOlder(each, newest)) return false;
    return nowMs >= noCapacityAtMs || (each.job.record.fireAtMs > 0 && !hasRun(each));
  };
  const waits =
    newest !== undefined && nowMs < noCapacityAtMs && jobs.live.some((each) => isOlder(each, newest));
  return { replaced: jobs.live.filter(isReplaced), dueMs: waits ? noCapacityAtMs : never };
}

const never = Number.POSITIVE_INFINITY;

/**
 * Returns the time since which the newest job, or one whose place it took, has waited for an agent. Infinity
 * if it does not wait.
 */
function waitingSinceMs(
  newest: ClusterJob,
  newestRun: ClusterJob | undefined,
  ofRuns: readonly ClusterJob[],
): number {
  if (hasRun(newest) || jobState(newest.status) !== State.QUEUED) return never;
  const hasWaited = (each: ClusterJob) =>
    !hasRun(each) &&
    (isJobLive(each.status) || each.job.record.kill !== undefined) &&
    (newestRun === undefined || isOlder(newestRun, each));
  return Math.min(...ofRuns.filter(hasWaited).map(({ job }) => job.record.createdAtMs));
}

function latest(jobs: readonly ClusterJob[]): ClusterJob | undefined {
  return jobs.reduce<ClusterJob | undefined>(
    (newest, job) => (newest === undefined || isOlder(newest, job) ? job : newest),
    undefined,
  );
}

function isOlder({ job: a }: ClusterJob, { job: b }: ClusterJob): boolean {
  const byTime = a.record.createdAtMs - b.record.createdAtMs || a.record.fireAtMs - b.record.fireAtMs;
  return byTime < 0 || (byTime === 0 && a.id < b.id);
}
