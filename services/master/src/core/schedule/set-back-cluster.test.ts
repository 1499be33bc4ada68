import { type ClusterStatusRecord, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aCluster, aClusterJob, clusterInput, cron } from '../../testing/cluster-fixtures.js';
import { minute, must, second, t0 } from '../../testing/fixtures.js';
import { jobIdOfRun } from './run-id.js';
import { decideCluster } from './schedule.js';
import { commitOfDecision } from './schedule-commit.js';

const { STARTED, SKIPPED } = FireOutcome;
const hour = 60 * minute;
const everyMinute = aCluster({ labels: cron('* * * * *') });
const view = { id: 'c-1', revision: 3, record: everyMinute };

/** The record after a decision on the cluster at that time. */
function statusAfter(afterMs: number, status?: ClusterStatusRecord): ClusterStatusRecord {
  const input = clusterInput(everyMinute, afterMs, status === undefined ? {} : { status });
  const before =
    status &&
    ({ kind: 'clusterStatus', id: 'c-1', revision: 1, record: status, bytes: new Uint8Array() } as const);
  const { writes } = commitOfDecision(view, before, decideCluster(input));
  const write = must(writes.find(({ kind }) => kind === 'clusterStatus'));
  return must(write.record) as ClusterStatusRecord;
}

describe('the schedule of a cluster after a leader whose clock ran a day ahead', () => {
  const early = statusAfter(24 * hour);

  it('has the runs of the present, and no silence', () => {
    const input = clusterInput(everyMinute, 2 * minute, { status: early });
    const decision = decideCluster(input);
    expect(decision.runs.map(({ atMs, outcome }) => [atMs - t0, outcome])).toEqual([
      [minute, STARTED],
      [2 * minute, STARTED],
    ]);
    expect(decision.nextDueMs).toBe(t0 + 3 * minute);
    const after = statusAfter(2 * minute, early);
    expect(after).toMatchObject({ firedThroughMs: t0 + 2 * minute, setBacks: 1 });
    expect(decideCluster(clusterInput(everyMinute, 2 * minute, { status: after })).runs).toEqual([]);
  });

  it('starts the runs that came too early once more at their time, as other jobs', () => {
    const atMs = t0 + 24 * hour;
    expect(early.fires.at(-1)).toMatchObject({ atMs, jobId: jobIdOfRun('c-1', atMs) });
    const after = statusAfter(24 * hour, statusAfter(2 * minute, early));
    expect(after.fires.at(-1)).toMatchObject({ atMs, jobId: jobIdOfRun('c-1', atMs, 1), outcome: STARTED });
    expect(jobIdOfRun('c-1', atMs, 1)).not.toBe(jobIdOfRun('c-1', atMs));
  });

  it('does not start runs again that were decided before that', () => {
    const sound = statusAfter(minute);
    const input = clusterInput(everyMinute, 2 * minute, { status: statusAfter(24 * hour, sound) });
    expect(decideCluster(input).runs.map(({ atMs }) => atMs - t0)).toEqual([2 * minute]);
  });

  it('goes on from the present if it cannot know them', () => {
    const fires = Array.from({ length: 50 }, (_, place) => {
      return { atMs: t0 + 24 * hour + place, outcome: SKIPPED, jobId: '', text: '' };
    });
    const status = { clusterId: 'c-1', firedThroughMs: t0 + 25 * hour, fires, setBacks: undefined };
    const decision = decideCluster(clusterInput(everyMinute, 90 * second, { status }));
    expect(decision).toMatchObject({ runs: [], nextDueMs: t0 + 2 * minute });
  });

  it('stands if the clock was ahead by less than clocks may differ', () => {
    const status = statusAfter(minute);
    expect(decideCluster(clusterInput(everyMinute, 30 * second, { status }))).not.toHaveProperty('setBack');
  });
});

describe('the jobs of a leader whose clock ran ahead', () => {
  it('are older than those that come later, so that they are replaced and replace none', () => {
    const record = aCluster({ labels: cron('* * * * *', 'replace') });
    const early = aClusterJob({
      id: 'early',
      createdAtMs: t0 + hour,
      fireAtMs: t0 + hour,
      state: State.RUNNING,
    });
    const first = decideCluster(clusterInput(record, 0, { jobs: [early] }));
    const [job] = must(first.setBack).jobs;
    expect(must(job).record.createdAtMs).toBe(t0 - 1);
    expect(first.kills).toEqual([]);
    const fresh = aClusterJob({
      id: 'fresh',
      createdAtMs: t0 + minute,
      fireAtMs: t0 + minute,
      state: State.RUNNING,
    });
    const jobs = [{ ...early, job: must(job) }, fresh];
    const status = { clusterId: 'c-1', firedThroughMs: t0 + minute, fires: [], setBacks: undefined };
    const next = decideCluster(clusterInput(record, minute, { jobs, status }));
    expect(next.kills.map(({ job: { id } }) => id)).toEqual(['early']);
  });

  it('do not delay the jobs of a minimum', () => {
    const record = aCluster({ mantis: { min: 1 } });
    const fires = [1, 2, 3, 4].map((place) => {
      return { atMs: t0 + hour + place, outcome: STARTED, jobId: 'x', text: '' };
    });
    const status = { clusterId: 'c-1', firedThroughMs: t0, fires, setBacks: undefined };
    expect(decideCluster(clusterInput(record, second, { status })).jobs).toHaveLength(1);
  });
});
