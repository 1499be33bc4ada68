/*
 * What a cluster does by itself: its schedule fires, its minimum is kept, jobs that a newer one replaces end, and those of a
 * Mantis cluster that is disabled.
 */
import type { ClusterRecord, Fire, JobRecord, Wish } from '@berth/shared/gen/berth/v1/store';
import type { Entity } from '@berth/shared/model/cell/entity';
import { isJobLive } from '@berth/shared/model/job/job';
import { type ClusterInput, type ClusterJob, ClusterJobs, hasRun, scheduleActor } from './cluster-jobs.js';
import { jobIdOfMinimum } from './run-id.js';
import { decidedThroughMs, decideFires, type FiresDecision, fireOf } from './runs.js';

/** Fires that are remembered of a cluster, and for each job of its minimum so many more. */
const keptFires = 50;
const keptPerMinimum = 2;
/** Jobs that are ended at once; the others follow. */
const maxKills = 200;

/** What one look at a cluster decides. Looking again with the decision carried out decides nothing more. */
export interface ClusterDecision {
  /** What is new; its times do not descend. */
  readonly fires: readonly Fire[];
  readonly firedThroughMs: number;
  readonly jobs: readonly JobRecord[];
  readonly kills: readonly Kill[];
  /** When to look again though nothing happens; Infinity: never. */
  readonly nextDueMs: number;
}

/** A job that is to end, and the wish that says so. */
export interface Kill {
  readonly job: Entity<'job'>;
  readonly wish: Wish;
}

/** Decides what the cluster does now. */
export function decideCluster(input: ClusterInput): ClusterDecision {
  const jobs = new ClusterJobs(input);
  const { fires, firedThroughMs, nextDueMs } = decideStarts(input, jobs);
  const kills = decideKills(input, jobs);
  return {
    fires,
    firedThroughMs,
    jobs: jobs.started,
    kills: kills.slice(0, maxKills),
    nextDueMs: kills.length > maxKills ? input.nowMs : nextDueMs,
  };
}

function decideStarts(input: ClusterInput, jobs: ClusterJobs): FiresDecision {
  const { enabled, schedulePaused } = input.cluster.record;
  const idle = { fires: [], firedThroughMs: decidedThroughMs(input), nextDueMs: Number.POSITIVE_INFINITY };
  if (!enabled) return idle;
  if (input.schedule === undefined) return { ...idle, ...keepMinimum(input, jobs) };
  return schedulePaused ? idle : decideFires(input, input.schedule, jobs);
}

/** The newest fires, as many as are remembered. */
export function rememberFires(before: readonly Fire[], fires: readonly Fire[], min: number): Fire[] {
  return [...before, ...fires].slice(-(keptFires + keptPerMinimum * min));
}

const recentMs = 10 * 60_000;
const minDelayMs = 1000;
const maxDelayMs = 5 * 60_000;
const minimumText = 'the cluster has fewer live jobs than its minimum';

/**
 * Starts what the minimum lacks; jobs that are to end do not count. Jobs that end as soon as they start would be started for
 * ever: each beyond two per job of the minimum within ten minutes waits twice as long as the one before.
 */
function keepMinimum(
  { cluster, status, nowMs, maxStarts }: ClusterInput,
  jobs: ClusterJobs,
): Pick<FiresDecision, 'fires' | 'nextDueMs'> {
  const { min } = jobs.limits;
  const lacking = min - jobs.live.filter(({ job }) => job.record.kill === undefined).length;
  if (lacking <= 0) return { fires: [], nextDueMs: Number.POSITIVE_INFINITY };
  const notBeforeMs = nextStartMs(status?.fires ?? [], min, nowMs);
  if (nowMs < notBeforeMs) return { fires: [], nextDueMs: notBeforeMs };
  const fires: Fire[] = [];
  const startedNow = status?.fires.filter(({ atMs }) => atMs === nowMs).length ?? 0;
  for (let index = 0; index < Math.min(lacking, maxStarts); index += 1) {
    const id = jobIdOfMinimum(cluster.id, nowMs, startedNow + index);
    const held = jobs.start({ id, fireAtMs: 0 });
    // Its maximum is full of jobs that are ending: the end of one is news enough.
    if (held !== undefined && 'skipped' in held) break;
    fires.push(fireOf(nowMs, held, id, minimumText));
    if (held !== undefined) break;
  }
  if (fires.length === 0) return { fires, nextDueMs: nowMs + maxDelayMs };
  return { fires, nextDueMs: nextStartMs([...(status?.fires ?? []), ...fires], min, nowMs) };
}

function nextStartMs(fires: readonly Fire[], min: number, nowMs: number): number {
  const recent = fires.filter(({ atMs }) => atMs > nowMs - recentMs);
  const beyond = recent.length - keptPerMinimum * min;
  const last = recent.at(-1);
  if (last === undefined) return nowMs;
  const isRefused = last.jobId === '';
  if (beyond <= 0 && !isRefused) return nowMs;
  return last.atMs + Math.min(minDelayMs * 2 ** Math.max(beyond, isRefused ? recent.length : 0), maxDelayMs);
}

function decideKills({ cluster, schedule, nowMs }: ClusterInput, jobs: ClusterJobs): readonly Kill[] {
  const { descriptor } = cluster.record;
  const name = JSON.stringify(descriptor?.name ?? cluster.id);
  const killAll = (these: readonly ClusterJob[], text: string) =>
    these
      .filter(({ job }) => job.record.kill === undefined)
      .map(({ job }) => ({ job, wish: { atMs: nowMs, by: scheduleActor(cluster.id), text } }));
  if (isEnding(cluster.record)) return killAll(jobs.live, `job cluster ${name} is disabled`);
  if (schedule?.policy !== 'replace') return [];
  return killAll(replaced(jobs), `a newer job of cluster ${name} takes its place`);
}

/**
 * Whether the cluster's jobs are ended: that of a Mantis cluster which was disabled. One whose descriptor says that it is
 * enabled is only being removed, which must not cost a job that was created at the same moment.
 */
function isEnding({ enabled, descriptor }: ClusterRecord): boolean {
  const spec = descriptor?.clusterSpec;
  return !enabled && spec?.$case === 'mantis' && spec.value.enabled !== true;
}

/**
 * Live jobs that a newer one of the schedule replaces: all that are older than the newest that has run; and of its jobs that
 * have not run, all but the newest.
 */
function replaced(jobs: ClusterJobs): readonly ClusterJob[] {
  const ofFires = jobs.all.filter(({ job }) => job.record.fireAtMs > 0);
  const newestRun = latest(ofFires.filter(hasRun));
  const newest =
    jobs.started.length > 0 ? undefined : latest(ofFires.filter(({ status }) => isJobLive(status)));
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
