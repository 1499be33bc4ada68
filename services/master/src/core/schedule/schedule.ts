/*
 * Decides on the actions of a cluster: the runs of its schedule start jobs, its minimum is kept, jobs that a
 * newer one replaces end, and jobs of a disabled Mantis cluster end.
 */
import type { ClusterRecord, Fire, JobRecord, Wish } from '@berth/shared/gen/berth/v1/store';
import type { Entity } from '@berth/shared/model/cell/entity';
import { isAhead } from '@berth/shared/model/cell/leader-time';
import { exponentialDelayMs } from '@berth/shared/model/task/back-off';
import { type ClusterInput, type ClusterJob, ClusterJobs, scheduleActor } from './cluster-jobs.js';
import { replacedJobs } from './replacement.js';
import { jobIdOfMinimum } from './run-id.js';
import { decidedThroughMs, decideRuns, keptRuns, type RunsDecision, runOf } from './runs.js';
import { type SetBack, setBackCluster } from './set-back-cluster.js';

/** Runs that are stored for each job of a cluster's minimum, beside {@link keptRuns}. */
const keptPerMinimum = 2;
/** Jobs that one commit ends; the others follow. */
const maxKills = 200;

/** The decision on one cluster. Once it is carried out, the next decision is empty. */
export interface ClusterDecision {
  /** The new runs, in the order of time. */
  readonly runs: readonly Fire[];
  readonly firedThroughMs: number;
  readonly jobs: readonly JobRecord[];
  readonly kills: readonly Kill[];
  /** The time of the next check without a change; Infinity: never. */
  readonly nextDueMs: number;
  /** Records of a leader whose clock ran ahead; absent: there are none. */
  readonly setBack?: SetBack;
}

/** A job that is to end, and the request to stop it. */
interface Kill {
  readonly job: Entity<'job'>;
  readonly stop: Wish;
}

/** Decides on the actions of the cluster now. */
export function decideCluster(found: ClusterInput): ClusterDecision {
  const { setBack, ...input } = setBackCluster(found);
  const jobs = new ClusterJobs(input);
  const { runs, firedThroughMs, nextDueMs, endsFirst = false } = decideStarts(input, jobs);
  const { kills, dueMs } = decideKills(input, jobs, endsFirst);
  return {
    runs,
    firedThroughMs,
    jobs: jobs.started,
    kills: kills.slice(0, maxKills),
    nextDueMs: kills.length > maxKills ? input.nowMs : Math.min(nextDueMs, dueMs),
    ...(setBack === undefined ? {} : { setBack }),
  };
}

function decideStarts(input: ClusterInput, jobs: ClusterJobs): RunsDecision {
  const { enabled, schedulePaused } = input.cluster.record;
  const idle = { runs: [], firedThroughMs: decidedThroughMs(input), nextDueMs: Number.POSITIVE_INFINITY };
  if (!enabled) return idle;
  if (input.schedule === undefined) return { ...idle, ...keepMinimum(input, jobs) };
  return schedulePaused ? idle : decideRuns(input, input.schedule, jobs);
}

/** Returns the newest runs, as many as are stored. */
export function keepNewestRuns(before: readonly Fire[], runs: readonly Fire[], min: number): Fire[] {
  return [...before, ...runs].slice(-(keptRuns + keptPerMinimum * min));
}

const recentMs = 10 * 60_000;
const minDelayMs = 1000;
const maxDelayMs = 5 * 60_000;
const minimumText = 'the cluster has fewer live jobs than its minimum';

/**
 * Starts the jobs that the minimum lacks; jobs that are to end do not count. Jobs that end as soon as they
 * start would be started for ever. So each beyond two per job of the minimum within ten minutes waits twice
 * as long as the one before.
 */
function keepMinimum(
  { cluster, status, nowMs, maxStarts }: ClusterInput,
  jobs: ClusterJobs,
): Pick<RunsDecision, 'runs' | 'nextDueMs'> {
  const { min } = jobs.limits;
  const missing = min - jobs.live.filter(({ job }) => job.record.kill === undefined).length;
  if (missing <= 0) return { runs: [], nextDueMs: Number.POSITIVE_INFINITY };
  const notBeforeMs = nextStartMs(status?.fires ?? [], min, nowMs);
  if (nowMs < notBeforeMs) return { runs: [], nextDueMs: notBeforeMs };
  const runs: Fire[] = [];
  const startedNow = status?.fires.filter(({ atMs }) => atMs === nowMs).length ?? 0;
  for (let index = 0; index < Math.min(missing, maxStarts); index += 1) {
    const id = jobIdOfMinimum(cluster.id, nowMs, startedNow + index);
    const held = jobs.start({ id, fireAtMs: 0 });
    // Its maximum is full of jobs that are ending: the end of one wakes the controller.
    if (held !== undefined && 'skipped' in held) break;
    runs.push(runOf(nowMs, held, id, minimumText));
    if (held !== undefined) break;
  }
  if (runs.length === 0) return { runs, nextDueMs: nowMs + maxDelayMs };
  return { runs, nextDueMs: nextStartMs([...(status?.fires ?? []), ...runs], min, nowMs) };
}

function nextStartMs(runs: readonly Fire[], min: number, nowMs: number): number {
  const recent = runs.filter(({ atMs }) => atMs > nowMs - recentMs && !isAhead(atMs, nowMs));
  const beyond = recent.length - keptPerMinimum * min;
  const last = recent.at(-1);
  if (last === undefined) return nowMs;
  const isRefused = last.jobId === '';
  if (beyond <= 0 && !isRefused) return nowMs;
  const attempt = Math.max(beyond, isRefused ? recent.length : 0);
  return last.atMs + exponentialDelayMs({ firstMs: minDelayMs, maxMs: maxDelayMs, attempt });
}

interface KillsDecision {
  readonly kills: readonly Kill[];
  /** The time at which more are to end though nothing changes; Infinity: never. */
  readonly dueMs: number;
}

function decideKills(
  { cluster, schedule, nowMs }: ClusterInput,
  jobs: ClusterJobs,
  endsFirst: boolean,
): KillsDecision {
  const { descriptor } = cluster.record;
  const name = JSON.stringify(descriptor?.name ?? cluster.id);
  const killAll = (these: readonly ClusterJob[], text: string) =>
    these
      .filter(({ job }) => job.record.kill === undefined)
      .map(({ job }) => ({ job, stop: { atMs: nowMs, by: scheduleActor(cluster.id), text } }));
  const never = Number.POSITIVE_INFINITY;
  if (isEnding(cluster.record))
    return { kills: killAll(jobs.live, `job cluster ${name} is disabled`), dueMs: never };
  if (schedule?.policy !== 'replace') return { kills: [], dueMs: never };
  const { replaced, dueMs } = endsFirst ? { replaced: jobs.live, dueMs: never } : replacedJobs(jobs, nowMs);
  return { kills: killAll(replaced, `a newer job of cluster ${name} takes its place`), dueMs };
}

/**
 * True if the cluster's jobs are ended: it is a Mantis cluster that was disabled. A disabled cluster with a
 * descriptor that says `enabled` is only being removed. That must not cost a job that was created at the same
 * time.
 */
function isEnding({ enabled, descriptor }: ClusterRecord): boolean {
  const spec = descriptor?.clusterSpec;
  return !enabled && spec?.$case === 'mantis' && spec.value.enabled !== true;
}
