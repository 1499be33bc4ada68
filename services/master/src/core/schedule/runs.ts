/* Decides on the due runs of a cluster's schedule. */
import { type Fire, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { clockToleranceMs, isAhead } from '@berth/shared/model/cell/leader-time';
import { nextRunMs, type Schedule } from '@berth/shared/model/schedule/schedule';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import { type ClusterInput, type ClusterJobs, type NotStarted, scheduleActor } from './cluster-jobs.js';
import { jobIdOfRun } from './run-id.js';

/** Runs that are stored of a cluster. */
export const keptRuns = 50;
/** Of many missed runs this many are named. */
const maxNamedMissed = 5;

/** The outcomes of the runs up to a time, and the time of the next. */
export interface RunsDecision {
  readonly runs: readonly Fire[];
  readonly firedThroughMs: number;
  /** Infinity: no more will come. */
  readonly nextDueMs: number;
  /** True if the last run that is due waits for the end of the cluster's live jobs. */
  readonly endsFirst?: boolean;
}

/** Returns a time; all runs up to then are decided. */
export function decidedThroughMs({
  cluster,
  status,
  nowMs,
}: Pick<ClusterInput, 'cluster' | 'status' | 'nowMs'>): number {
  const { scheduleSinceMs, createdAtMs } = cluster.record;
  const known = Math.max(status?.firedThroughMs ?? 0, scheduleSinceMs, createdAtMs);
  // A gateway whose clock runs ahead has set the schedule.
  return isAhead(known, nowMs) ? Math.max(status?.firedThroughMs ?? 0, nowMs - clockToleranceMs) : known;
}

/**
 * Decides on every run that is due. A run that is too late is missed. Each of the others starts a job, unless
 * the policy or the state of the cluster forbids it.
 */
export function decideRuns(input: ClusterInput, schedule: Schedule, jobs: ClusterJobs): RunsDecision {
  const { nowMs, cluster, maxStarts } = input;
  const decidedMs = decidedThroughMs(input);
  const missed = missedRuns(schedule, decidedMs, horizonMs(input, schedule, decidedMs));
  const due = dueRuns(schedule, missed.throughMs, { nowMs, max: maxStarts });
  const runs = [...missed.runs];
  const throughMs = due.at(-1) ?? missed.throughMs;
  const nextMs = nextRunMs(schedule, throughMs) ?? Number.POSITIVE_INFINITY;
  // A run that is left to the next pass is due as well: it replaces the last of these.
  const following = nextMs <= nowMs ? [...due.slice(1), nextMs] : due.slice(1);
  for (const [index, atMs] of due.entries()) {
    const nextRunMs = following[index];
    const jobId = jobIdOfRun(cluster.id, atMs, input.status?.setBacks);
    const held =
      heldBack(schedule, jobs, nextRunMs) ?? startAt(schedule, jobs, { id: jobId, fireAtMs: atMs });
    if (held === 'endFirst')
      return { runs, firedThroughMs: due[index - 1] ?? missed.throughMs, nextDueMs: nextMs, endsFirst: true };
    runs.push(runOf(atMs, held, jobId));
  }
  return { runs, firedThroughMs: throughMs, nextDueMs: nextMs };
}

/**
 * Returns the time before which undecided runs are missed. A run that waits for the end of jobs that were
 * ordered to stop for it is not missed.
 */
function horizonMs({ cluster, jobs, nowMs }: ClusterInput, schedule: Schedule, decidedMs: number): number {
  const latestMs = nowMs - schedule.startingDeadlineMs;
  if (schedule.policy !== 'replace') return latestMs;
  const firstMs = nextRunMs(schedule, decidedMs) ?? Number.POSITIVE_INFINITY;
  const isAwaited = jobs.some(({ job: { record } }) => {
    return record.kill?.by === scheduleActor(cluster.id) && record.kill.atMs >= firstMs;
  });
  return isAwaited ? Math.min(firstMs, latestMs) : latestMs;
}

/** Returns the record of one run, or of one start for the minimum. */
export function runOf(atMs: number, held: NotStarted | undefined, jobId: string, text = ''): Fire {
  if (held === undefined) return { atMs, outcome: FireOutcome.STARTED, jobId, text };
  return 'refused' in held
    ? { atMs, outcome: FireOutcome.REFUSED, jobId: '', text: held.refused }
    : { atMs, outcome: FireOutcome.SKIPPED, jobId: '', text: held.skipped };
}

/** Returns the runs before the horizon, some of them by name, and the time of the last. */
function missedRuns(schedule: Schedule, afterMs: number, horizonMs: number) {
  const runs: Fire[] = [];
  let throughMs = afterMs;
  const next = () => nextRunMs(schedule, throughMs) ?? Number.POSITIVE_INFINITY;
  for (let atMs = next(); atMs < horizonMs; atMs = next()) {
    if (runs.length === maxNamedMissed) {
      const last = runs.pop();
      const text = `${noMaster}; so did all others until ${toRfc3339(horizonMs)}`;
      if (last !== undefined) runs.push({ ...last, text });
      return { runs, throughMs: horizonMs - 1 };
    }
    runs.push({ atMs, outcome: FireOutcome.MISSED, jobId: '', text: noMaster });
    throughMs = atMs;
  }
  return { runs, throughMs };
}

const noMaster = 'it passed while no master led, and its starting deadline with it';

function dueRuns(schedule: Schedule, afterMs: number, { nowMs, max }: { nowMs: number; max: number }) {
  const due: number[] = [];
  for (let atMs = nextRunMs(schedule, afterMs); atMs !== undefined && atMs <= nowMs && due.length < max; ) {
    due.push(atMs);
    atMs = nextRunMs(schedule, atMs);
  }
  return due;
}

/** Returns the reason if the policy forbids the start. */
function heldBack(
  { policy }: Schedule,
  jobs: ClusterJobs,
  nextRunMs: number | undefined,
): NotStarted | undefined {
  if (policy === 'forbid' && jobs.count > 0) {
    const [living] = [...jobs.live.map(({ job }) => job.id), ...jobs.started.map(({ id }) => id)];
    return { skipped: `job ${living} of the cluster is live, and the policy keeps it` };
  }
  if (policy === 'replace' && nextRunMs !== undefined)
    return { skipped: `the run of ${toRfc3339(nextRunMs)} takes its place` };
  return undefined;
}

/**
 * Starts the job. Returns `endFirst` if the live jobs have to end before: the schedule says so, or one of
 * them bears the new job's name.
 */
function startAt(
  { policy, replaceOrder }: Schedule,
  jobs: ClusterJobs,
  start: { readonly id: string; readonly fireAtMs: number },
): NotStarted | 'endFirst' | undefined {
  if (policy !== 'replace') return jobs.start(start);
  if (replaceOrder === 'stopFirst' && jobs.live.length > 0) return 'endFirst';
  const held = jobs.start({ ...start, replaces: true });
  const isNameHeld =
    held !== undefined && 'owner' in held && jobs.live.some(({ job }) => job.id === held.owner);
  return isNameHeld ? 'endFirst' : held;
}
