/*
 * Decides on the actions of a cluster: the runs of its schedule start jobs, its minimum is kept, jobs that a
 * newer one replaces end, and jobs of a disabled Mantis cluster end.
 */
import type { ClusterRecord, Fire, JobRecord, Wish } from '@berth/shared/gen/berth/v1/store';
import type { Entity } from '@berth/shared/model/cell/entity';
import { isJobLive } from '@berth/shared/model/job/job';
import { exponentialDelayMs } from '@berth/shared/model/task/back-off';
import { type ClusterInput, type ClusterJob, ClusterJobs, hasRun, scheduleActor } from './cluster-jobs.js';
import { jobIdOfMinimum } from './run-id.js';
import { decidedThroughMs, decideRuns, type RunsDecision, runOf } from './runs.js';

/** Runs that are stored of a cluster, and the number of further ones for each job of its minimum. */
const keptRuns = 50;
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
}

/** A job that is to end, and the request to stop it. */
interface Kill {
  readonly job: Entity<'job'>;
  readonly stop: Wish;
}

/** Decides on the actions of the cluster now. */
export function decideCluster(input: ClusterInput): ClusterDecision {
  const jobs = new ClusterJobs(input);
  const { runs, firedThroughMs, nextDueMs } = decideStarts(input, jobs);
  const kills = decideKills(input, jobs);
  return {
    runs,
    firedThroughMs,
    jobs: jobs.started,
    kills: kills.slice(0, maxKills),
    nextDueMs: kills.length > maxKills ? input.nowMs : nextDueMs,
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
  const recent = runs.filter(({ atMs }) => atMs > nowMs - recentMs);
  const beyond = recent.length - keptPerMinimum * min;
  const last = recent.at(-1);
  if (last === undefined) return nowMs;
  const isRefused = last.jobId === '';
  if (beyond <= 0 && !isRefused) return nowMs;
  const attempt = Math.max(beyond, isRefused ? recent.length : 0);
  return last.atMs + exponentialDelayMs({ firstMs: minDelayMs, maxMs: maxDelayMs, attempt });
}

function decideKills({ cluster, schedule, nowMs }: ClusterInput, jobs: ClusterJobs): readonly Kill[] {
  const { descriptor } = cluster.record;
  const name = JSON.stringify(descriptor?.name ?? cluster.id);
  const killAll = (these: readonly ClusterJob[], text: string) =>
    these
      .filter(({ job }) => job.record.kill === undefined)
      .map(({ job }) => ({ job, stop: { atMs: nowMs, by: scheduleActor(cluster.id), text } }));
  if (isEnding(cluster.record)) return killAll(jobs.live, `job cluster ${name} is disabled`);
  if (schedule?.policy !== 'replace') return [];
  return killAll(replaced(jobs), `a newer job of cluster ${name} takes its place`);
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

/**
 * Returns the live jobs that a newer one of the schedule replaces: all that are older than the newest that
 * has run; and of its jobs that have not run, all but the newest.
 */
function replaced(jobs: ClusterJobs): readonly ClusterJob[] {
  const ofRuns = jobs.all.filter(({ job }) => job.record.fireAtMs > 0);
  const newestRun = latest(ofRuns.filter(hasRun));
  const newest =
    jobs.started.length > 0 ? undefined : latest(ofRuns.filter(({ status }) => isJobLive(status)));
  return jobs.live.filter((each) => {
    if (newestRun !== undefined && isOlder(each, newestRun)) return true;
    if (each.job.record.fireAtMs === 0 || hasRun(each)) return false;
    return newest === undefined ? jobs.started.length > 0 : isOlder(each, newest);
  });
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
