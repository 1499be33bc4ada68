/* The fires of a cluster's schedule that are due, and what each of them comes to. */
import { type Fire, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { nextFireMs, type Schedule } from '@berth/shared/model/schedule/schedule';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import type { ClusterInput, ClusterJobs, NotStarted } from './cluster-jobs.js';
import { jobIdOfFire } from './run-id.js';

/** Of many fires that nobody was there for, so many are named. */
const maxNamedMissed = 5;

/** What the fires up to a time came to, and when the next is due. */
export interface FiresDecision {
  readonly fires: readonly Fire[];
  readonly firedThroughMs: number;
  /** Infinity: no more will come. */
  readonly nextDueMs: number;
}

/** No fire at or before this time is undecided. */
export function decidedThroughMs({ cluster, status }: Pick<ClusterInput, 'cluster' | 'status'>): number {
  const { scheduleSinceMs, createdAtMs } = cluster.record;
  return Math.max(status?.firedThroughMs ?? 0, scheduleSinceMs, createdAtMs);
}

/**
 * Decides on every fire that is due: one that is too late is missed, of the others each starts a job unless the policy, or the
 * cluster as it stands, keeps it from that.
 */
export function decideFires(input: ClusterInput, schedule: Schedule, jobs: ClusterJobs): FiresDecision {
  const { nowMs, cluster, maxStarts } = input;
  const missed = missedFires(schedule, decidedThroughMs(input), nowMs - schedule.startingDeadlineMs);
  const due = dueFires(schedule, missed.throughMs, { nowMs, max: maxStarts });
  const fires = [...missed.fires];
  const firedThroughMs = due.at(-1) ?? missed.throughMs;
  const nextMs = nextFireMs(schedule, firedThroughMs) ?? Number.POSITIVE_INFINITY;
  // What is left to the next look is due as well, and takes the place of these.
  const successors = nextMs <= nowMs ? [...due.slice(1), nextMs] : due.slice(1);
  for (const [index, atMs] of due.entries()) {
    const successor = successors[index];
    const jobId = jobIdOfFire(cluster.id, atMs);
    const held =
      heldBack(schedule, jobs, successor) ?? startAt(schedule, jobs, { id: jobId, fireAtMs: atMs });
    fires.push(fireOf(atMs, held, jobId));
  }
  return { fires, firedThroughMs, nextDueMs: nextMs };
}

/** What came of one fire, or of one look at the minimum. */
export function fireOf(atMs: number, held: NotStarted | undefined, jobId: string, text = ''): Fire {
  if (held === undefined) return { atMs, outcome: FireOutcome.STARTED, jobId, text };
  return 'refused' in held
    ? { atMs, outcome: FireOutcome.REFUSED, jobId: '', text: held.refused }
    : { atMs, outcome: FireOutcome.SKIPPED, jobId: '', text: held.skipped };
}

/** Fires before the horizon: some by name, and how far they reach. */
function missedFires(schedule: Schedule, afterMs: number, horizonMs: number) {
  const fires: Fire[] = [];
  let throughMs = afterMs;
  const next = () => nextFireMs(schedule, throughMs) ?? Number.POSITIVE_INFINITY;
  for (let atMs = next(); atMs < horizonMs; atMs = next()) {
    if (fires.length === maxNamedMissed) {
      const last = fires.pop();
      const text = `${noMaster}; so did all others until ${toRfc3339(horizonMs)}`;
      if (last !== undefined) fires.push({ ...last, text });
      return { fires, throughMs: horizonMs - 1 };
    }
    fires.push({ atMs, outcome: FireOutcome.MISSED, jobId: '', text: noMaster });
    throughMs = atMs;
  }
  return { fires, throughMs };
}

const noMaster = 'it passed while no master led, and its starting deadline with it';

function dueFires(schedule: Schedule, afterMs: number, { nowMs, max }: { nowMs: number; max: number }) {
  const due: number[] = [];
  for (let atMs = nextFireMs(schedule, afterMs); atMs !== undefined && atMs <= nowMs && due.length < max; ) {
    due.push(atMs);
    atMs = nextFireMs(schedule, atMs);
  }
  return due;
}

/** Why the policy lets the fire start nothing. */
function heldBack(
  { policy }: Schedule,
  jobs: ClusterJobs,
  successorMs: number | undefined,
): NotStarted | undefined {
  if (policy === 'forbid' && jobs.count > 0) {
    const [living] = [...jobs.live.map(({ job }) => job.id), ...jobs.started.map(({ id }) => id)];
    return { skipped: `job ${living} of the cluster is live, and the policy keeps it` };
  }
  if (policy === 'replace' && successorMs !== undefined)
    return { skipped: `the fire of ${toRfc3339(successorMs)} takes its place` };
  return undefined;
}

function startAt(
  { policy }: Schedule,
  jobs: ClusterJobs,
  start: { readonly id: string; readonly fireAtMs: number },
): NotStarted | undefined {
  return jobs.start({ ...start, replaces: policy === 'replace' });
}
