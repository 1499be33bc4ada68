import { type ClusterStatusRecord, FireOutcome, type Wish } from '@berth/shared/gen/berth/v1/store';
import { MantisJobSLA } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { quotaClaim } from '@berth/shared/model/job/job';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aCluster,
  aClusterJob,
  type ClusterJobOptions,
  clusterInput,
  cron,
} from '../../testing/cluster-fixtures.js';
import { minute, must, second, t0 } from '../../testing/fixtures.js';
import type { ClusterInput } from './cluster-jobs.js';
import { jobIdOfRun } from './run-id.js';
import { decideCluster, keepNewestRuns } from './schedule.js';

const { STARTED, SKIPPED, MISSED, REFUSED } = FireOutcome;

/** The outcomes of the new runs, by how long after t0 they were due. */
function outcomes(input: ClusterInput): readonly (readonly [number, FireOutcome])[] {
  return decideCluster(input).runs.map(({ atMs, outcome }) => [atMs - t0, outcome] as const);
}

function killed(input: ClusterInput): readonly string[] {
  return decideCluster(input).kills.map(({ job }) => job.id);
}

const jobs = (...options: readonly ClusterJobOptions[]) => options.map(aClusterJob);

describe('a schedule', () => {
  it('starts a job at each run, and returns the time of the next check', () => {
    const record = aCluster({ labels: cron('* * * * *') });
    expect(decideCluster(clusterInput(record, 59 * second))).toMatchObject({
      runs: [],
      jobs: [],
      nextDueMs: t0 + minute,
    });
    const decision = decideCluster(clusterInput(record, minute + second));
    const id = jobIdOfRun('c-1', t0 + minute);
    expect(decision.runs).toEqual([{ atMs: t0 + minute, outcome: STARTED, jobId: id, text: '' }]);
    expect(decision.jobs).toMatchObject([
      {
        id,
        clusterId: 'c-1',
        fireAtMs: t0 + minute,
        createdAtMs: t0 + minute + second,
        createdBy: 'schedule/c-1',
        descriptor: { appName: 'batch-job', owner: { ownerEmail: 'ada@example.org' } },
      },
    ]);
    expect(decision).toMatchObject({ firedThroughMs: t0 + minute, nextDueMs: t0 + 2 * minute });
  });

  it('decides nothing more once that is written', () => {
    const record = aCluster({ labels: cron('* * * * *') });
    const { runs, firedThroughMs } = decideCluster(clusterInput(record, minute));
    const status = { clusterId: 'c-1', firedThroughMs, fires: [...runs] };
    expect(decideCluster(clusterInput(record, minute, { status }))).toMatchObject({ runs: [], jobs: [] });
  });

  it('begins with the time at which it was set', () => {
    const record = aCluster({ labels: cron('* * * * *'), sinceMs: t0 + 3 * minute });
    expect(outcomes(clusterInput(record, 3 * minute))).toEqual([]);
    expect(outcomes(clusterInput(record, 4 * minute))).toEqual([[4 * minute, STARTED]]);
  });

  it('of one time runs once', () => {
    const record = aCluster({ labels: { 'berth.scheduleAt': '2026-01-01T00:10:00Z' } });
    const { runs, firedThroughMs, nextDueMs } = decideCluster(clusterInput(record, 10 * minute));
    expect(runs).toHaveLength(1);
    expect(nextDueMs).toBe(Number.POSITIVE_INFINITY);
    const status = { clusterId: 'c-1', firedThroughMs, fires: [...runs] };
    expect(outcomes(clusterInput(record, 11 * minute, { status }))).toEqual([]);
  });

  it('does not run while it is paused, or its cluster disabled', () => {
    for (const off of [{ paused: true }, { enabled: false }])
      expect(
        decideCluster(clusterInput(aCluster({ labels: cron('* * * * *'), ...off }), 5 * minute)),
      ).toEqual({
        runs: [],
        firedThroughMs: t0,
        jobs: [],
        kills: [],
        nextDueMs: Number.POSITIVE_INFINITY,
      });
  });

  it('reports the mistake in a template that makes no valid job', () => {
    const record = aCluster({ labels: cron('* * * * *'), image: 'Not An Image' });
    const [run] = decideCluster(clusterInput(record, minute)).runs;
    expect(run).toMatchObject({ outcome: REFUSED, jobId: '' });
    expect(run?.text).toMatch(/^the template makes no valid job: containers\["main"\]\.image\.name: /);
  });

  it('starts no second job of a name that is unique among live ones', () => {
    const record = aCluster({ labels: cron('* * * * *'), sequence: 'a' });
    const first = decideCluster(clusterInput(record, 2 * minute));
    expect(first.runs.map(({ outcome }) => outcome)).toEqual([STARTED, SKIPPED]);
    expect(first.runs[1]?.text).toContain(`job ${first.jobs[0]?.id} is live`);
    const taken = new Map([['group:["batch-job","main","","a"]', 'other']]);
    expect(decideCluster(clusterInput(record, minute, { taken })).runs[0]?.text).toContain(
      'job other is live',
    );
  });

  it('stores a bounded number of runs, the newest', () => {
    const fires = Array.from({ length: 70 }, (_, index) => ({
      atMs: index,
      outcome: STARTED,
      jobId: '',
      text: '',
    }));
    expect(keepNewestRuns(fires, [must(fires[0])], 0)).toHaveLength(50);
    expect(keepNewestRuns(fires.slice(0, 3), [must(fires[9])], 0).map(({ atMs }) => atMs)).toEqual([
      0, 1, 2, 9,
    ]);
  });
});

describe('runs while no master led', () => {
  const record = aCluster({ labels: cron('* * * * *', 'allow', { 'berth.startingDeadlineSecs': '120' }) });

  it('are made up once each within the starting deadline, and are missed beyond it', () => {
    const input = clusterInput(record, 5 * minute);
    expect(outcomes(input)).toEqual([
      [minute, MISSED],
      [2 * minute, MISSED],
      [3 * minute, STARTED],
      [4 * minute, STARTED],
      [5 * minute, STARTED],
    ]);
    const { runs, firedThroughMs } = decideCluster(input);
    const status = { clusterId: 'c-1', firedThroughMs, fires: [...runs] };
    expect(outcomes(clusterInput(record, 5 * minute, { status }))).toEqual([]);
  });

  it('are named only a few times if they are many, with the time of the last', () => {
    const { runs } = decideCluster(clusterInput(record, 24 * 60 * minute));
    expect(runs.map(({ outcome }) => outcome)).toEqual([...Array(5).fill(MISSED), ...Array(3).fill(STARTED)]);
    expect(runs[4]?.text).toContain('until 2026-01-01T23:58:00.000Z');
  });

  it('are made up part by part if they are many', () => {
    const seconds = aCluster({ labels: cron('* * * * * *') });
    let status: ClusterStatusRecord | undefined;
    const started: number[] = [];
    for (let looks = 0; looks < 4; looks += 1) {
      const input = clusterInput(seconds, 60 * second, status === undefined ? {} : { status });
      const decision = decideCluster(input);
      started.push(decision.jobs.length);
      status = { clusterId: 'c-1', firedThroughMs: decision.firedThroughMs, fires: [...decision.runs] };
    }
    expect(started).toEqual([25, 25, 10, 0]);
  });
});

describe('the policy', () => {
  const at = (policy: string, ...there: readonly ClusterJobOptions[]) =>
    clusterInput(aCluster({ labels: cron('* * * * *', policy) }), minute, { jobs: jobs(...there) });
  const running = { id: 'old', state: State.RUNNING, createdAtMs: t0 };

  it('to allow starts another job beside those that live', () => {
    expect(outcomes(at('allow', running))).toEqual([[minute, STARTED]]);
    expect(killed(at('allow', running))).toEqual([]);
  });

  it('to forbid starts none while one lives, whoever started it, even one that is ending', () => {
    expect(outcomes(at('forbid', running))).toEqual([[minute, SKIPPED]]);
    expect(outcomes(at('KEEP_EXISTING', { ...running, killed: true }))).toEqual([[minute, SKIPPED]]);
    expect(outcomes(at('forbid', { ...running, state: State.FINISHED, reason: 'normal' }))).toEqual([
      [minute, STARTED],
    ]);
  });

  it('to forbid makes up one of several runs', () => {
    const input = clusterInput(aCluster({ labels: cron('* * * * *', 'forbid') }), 3 * minute);
    expect(outcomes(input).map(([, outcome]) => outcome)).toEqual([STARTED, SKIPPED, SKIPPED]);
  });

  it('to replace makes up the last of several runs', () => {
    const input = clusterInput(aCluster({ labels: cron('* * * * *', 'KEEP_NEW') }), 3 * minute);
    expect(outcomes(input).map(([, outcome]) => outcome)).toEqual([SKIPPED, SKIPPED, STARTED]);
  });

  it('to replace makes up the last, too, of more runs than one pass takes', () => {
    const labels = cron('* * * * * *', 'replace');
    const first = decideCluster(clusterInput(aCluster({ labels }), 60 * second));
    expect(first.jobs).toEqual([]);
    expect(first).toMatchObject({ firedThroughMs: t0 + 25 * second, nextDueMs: t0 + 26 * second });
    const status = { clusterId: 'c-1', firedThroughMs: t0 + 50 * second, fires: [] };
    const last = decideCluster(clusterInput(aCluster({ labels }), 60 * second, { status }));
    expect(last.jobs.map(({ fireAtMs }) => fireAtMs)).toEqual([t0 + 60 * second]);
  });

  it('to replace lets the old job live until the new one runs', () => {
    const fresh = { id: 'new', createdAtMs: t0 + minute, fireAtMs: t0 + minute };
    const after = (state: State, reason = '') =>
      killed(
        clusterInput(
          aCluster({ labels: cron('* * * * *', 'replace'), sinceMs: t0 + minute }),
          minute + second,
          {
            jobs: jobs(running, { ...fresh, state, reason }),
          },
        ),
      );
    expect(killed(at('replace', running))).toEqual([]);
    expect(after(State.QUEUED)).toEqual([]);
    expect(after(State.STARTING)).toEqual([]);
    expect(after(State.RUNNING)).toEqual(['old']);
    // It may have run and ended between two looks.
    expect(after(State.FINISHED, 'normal')).toEqual(['old']);
    expect(after(State.FAILED, 'invalidRequest')).toEqual([]);
  });

  it('to replace ends jobs of earlier runs that never ran', () => {
    const waiting = { id: 'waiting', createdAtMs: t0 + second, fireAtMs: t0 + second };
    const input = at('replace', running, waiting);
    expect(outcomes(input)).toEqual([[minute, STARTED]]);
    expect(killed(input)).toEqual(['waiting']);
    expect(decideCluster(input).kills[0]?.stop).toEqual({
      atMs: t0 + minute,
      by: 'schedule/c-1',
      text: 'a newer job of cluster "cluster c-1" takes its place',
    });
  });

  it('to replace leaves alone jobs that were submitted after the new job, and jobs that are ending', () => {
    const input = clusterInput(
      aCluster({ labels: cron('* * * * *', 'replace'), sinceMs: t0 + minute }),
      minute + second,
      {
        jobs: jobs(
          { ...running, killed: true },
          { id: 'new', createdAtMs: t0 + minute, fireAtMs: t0 + minute, state: State.RUNNING },
          { id: 'by hand', createdAtMs: t0 + minute + 1, state: State.RUNNING },
        ),
      },
    );
    expect(killed(input)).toEqual([]);
  });
});

describe('a Mantis cluster', () => {
  const keeping = (min: number, max?: number) =>
    aCluster({ mantis: { min, ...(max === undefined ? {} : { max }) } });
  const live = (count: number, more: ClusterJobOptions = {}) =>
    jobs(...Array.from({ length: count }, (_, index) => ({ id: `job-${index}`, ...more })));

  it('starts the jobs that its minimum lacks, from its template', () => {
    const decision = decideCluster(clusterInput(keeping(3), second, { jobs: live(1) }));
    expect(decision.jobs.map(({ clusterId, fireAtMs }) => [clusterId, fireAtMs])).toEqual([
      ['c-1', 0],
      ['c-1', 0],
    ]);
    expect(decision.jobs[0]?.descriptor?.jobSpec?.$case).toBe('mantis');
    expect(new Set(decision.jobs.map(({ id }) => id)).size).toBe(2);
    expect(decision.runs).toHaveLength(2);
    expect(decideCluster(clusterInput(keeping(3), second, { jobs: live(3) })).jobs).toEqual([]);
  });

  it('does not count jobs that are to end, but starts no more than its maximum', () => {
    const ending = { killed: true, place: 1 };
    expect(decideCluster(clusterInput(keeping(1), second, { jobs: live(1, ending) })).jobs).toHaveLength(1);
    expect(decideCluster(clusterInput(keeping(1, 1), second, { jobs: live(1, ending) })).jobs).toEqual([]);
  });

  it('waits for a type of the user’s own while its job lives, but not while that is ending', () => {
    const record = keeping(1);
    const spec = record.descriptor?.jobDescriptor?.jobSpec;
    if (spec?.$case !== 'mantis') throw new Error('the fixture makes no stages');
    spec.value.jobSLA = MantisJobSLA.fromPartial({ userProvidedType: 'eu' });
    const { jobs: first } = decideCluster(clusterInput(record, 0));
    const start = (kill?: Wish) => {
      const each = aClusterJob({ id: 'job-0' });
      const job = { ...each.job, record: { ...must(first[0]), id: 'job-0', kill } };
      return decideCluster(clusterInput({ ...record, ...two }, second, { jobs: [{ ...each, job }] })).jobs;
    };
    const two = {
      descriptor: { ...must(record.descriptor), clusterSpec: must(keeping(2).descriptor).clusterSpec },
    };
    expect(start()).toEqual([]);
    expect(start({ atMs: t0, by: 'ada', text: undefined })).toHaveLength(1);
  });

  it('gives each job one of the places that its maximum leaves', () => {
    const input = clusterInput(keeping(3, 3), second, { jobs: jobs({ id: 'job-0', place: 2 }) });
    expect(decideCluster(input).jobs.map(({ clusterPlace }) => clusterPlace)).toEqual([1, 3]);
    const name = must(quotaClaim({ clusterId: 'c-1', clusterPlace: 1 }));
    const taken = new Map([[name, 'a job that is not in view']]);
    expect(decideCluster({ ...input, taken }).jobs.map(({ clusterPlace }) => clusterPlace)).toEqual([3]);
  });

  it('waits longer and longer with jobs that end as soon as they start', () => {
    const record = keeping(1);
    let status: ClusterStatusRecord | undefined;
    const startedAt: number[] = [];
    for (let ms = 0; ms <= 70 * second; ms += second) {
      const decision = decideCluster(clusterInput(record, ms, status === undefined ? {} : { status }));
      if (decision.runs.length === 0) continue;
      startedAt.push(ms / second);
      const fires = keepNewestRuns(status?.fires ?? [], decision.runs, 1);
      status = { clusterId: 'c-1', firedThroughMs: decision.firedThroughMs, fires };
    }
    expect(startedAt).toEqual([0, 1, 2, 4, 8, 16, 32, 64]);
  });

  it('ends all its jobs and starts none while it is disabled', () => {
    const record = aCluster({ mantis: { min: 3 }, enabled: false });
    const decision = decideCluster(clusterInput(record, second, { jobs: live(2) }));
    expect(decision.jobs).toEqual([]);
    expect(decision.kills.map(({ job, stop }) => [job.id, stop.text])).toEqual([
      ['job-0', 'job cluster "cluster c-1" is disabled'],
      ['job-1', 'job cluster "cluster c-1" is disabled'],
    ]);
  });

  it('ends none while it is only being removed, which may be refused', () => {
    const record = aCluster({ mantis: { enabled: true }, enabled: false });
    expect(decideCluster(clusterInput(record, second, { jobs: live(1) })).kills).toEqual([]);
  });

  it('keeps live jobs by default, and starts jobs within its maximum', () => {
    const spec = { cronSpec: '* * * * *' };
    const there = { jobs: live(1) };
    expect(outcomes(clusterInput(aCluster({ mantis: spec }), minute, there))).toEqual([[minute, SKIPPED]]);
    const allowing = aCluster({ mantis: { ...spec, cronPolicy: 'allow', max: 1 } });
    expect(outcomes(clusterInput(allowing, minute, there))).toEqual([[minute, SKIPPED]]);
    // A job that replaces another needs no place of its own.
    const replacing = aCluster({ mantis: { ...spec, cronPolicy: 'KEEP_NEW', max: 1 } });
    expect(outcomes(clusterInput(replacing, minute, there))).toEqual([[minute, STARTED]]);
  });
});
