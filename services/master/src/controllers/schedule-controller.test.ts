import { type ClusterRecord, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { jobIdOfRun } from '../core/schedule/run-id.js';
import { aCluster, cron } from '../testing/cluster-fixtures.js';
import { minute, must, second, t0 } from '../testing/fixtures.js';
import type { CommitFate } from '../testing/store-link.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';

const leaseMs = 3 * second;

async function put(stage: TestStage, record: ClusterRecord): Promise<void> {
  await stage.store.commit({ actor: 'ada', writes: [{ kind: 'cluster', id: record.id, record }] });
  await settle();
}

const fireTimes = (stage: TestStage) =>
  [...stage.replica.all('job')].map(({ record }) => record.fireAtMs - t0);
const statusOf = (stage: TestStage, id = 'c-1') => stage.replica.find('clusterStatus', id)?.record;
const isKilled = (stage: TestStage, id: string) => stage.replica.find('job', id)?.record.kill !== undefined;

describe('a schedule in a cell', () => {
  it('starts a job at each of its times, which runs as any other', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register();
    await put(stage, aCluster({ labels: cron('* * * * *') }));
    await stage.advance(minute - second);
    expect(fireTimes(stage)).toEqual([]);
    await stage.advance(second);
    expect(fireTimes(stage)).toEqual([minute]);
    const id = jobIdOfRun('c-1', t0 + minute);
    expect(stage.taskState(`${id}.0-0`)?.state).toBe(State.DISPATCHED);
    await stage.advance(2 * minute);
    expect(fireTimes(stage)).toEqual([minute, 2 * minute, 3 * minute]);
    expect(statusOf(stage)?.fires.map(({ outcome }) => outcome)).toEqual(Array(3).fill(FireOutcome.STARTED));
  });

  it('costs nothing while no cluster has one', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await put(stage, aCluster());
    const before = link.requests.length;
    await stage.advance(10 * minute);
    expect(link.requests).toHaveLength(before);
    expect(stage.replica.count('clusterStatus')).toBe(0);
  });

  it('is followed when it is changed, paused, resumed and taken away', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    const since = () => stage.clock.nowMs();
    await put(stage, aCluster({ labels: cron('*/10 * * * *') }));
    await stage.advance(10 * minute);
    await put(stage, aCluster({ labels: cron('* * * * *'), sinceMs: since() }));
    await stage.advance(minute);
    await put(stage, aCluster({ labels: cron('* * * * *'), paused: true }));
    await stage.advance(5 * minute);
    expect(fireTimes(stage)).toEqual([10 * minute, 11 * minute]);
    await put(stage, aCluster({ labels: cron('* * * * *'), sinceMs: since() }));
    await stage.advance(minute);
    expect(fireTimes(stage).at(-1)).toBe(17 * minute);
    await put(stage, aCluster({ labels: cron('* * * * *'), enabled: false }));
    await stage.advance(2 * minute);
    await put(stage, aCluster());
    await stage.advance(2 * minute);
    expect(fireTimes(stage)).toHaveLength(3);
  });

  it('keeps to its policy while the jobs run', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register();
    await put(stage, aCluster({ id: 'keep', labels: cron('* * * * *', 'forbid') }));
    await put(stage, aCluster({ id: 'new', labels: cron('* * * * *', 'replace') }));
    await stage.advance(minute);
    const [kept, old] = [jobIdOfRun('keep', t0 + minute), jobIdOfRun('new', t0 + minute)];
    await stage.report(`${kept}.0-0`, State.RUNNING);
    await stage.report(`${old}.0-0`, State.RUNNING);
    await stage.advance(minute);
    expect(statusOf(stage, 'keep')?.fires.at(-1)?.outcome).toBe(FireOutcome.SKIPPED);
    expect(isKilled(stage, old)).toBe(false);
    const newer = jobIdOfRun('new', t0 + 2 * minute);
    await stage.report(`${newer}.0-0`, State.STARTING);
    expect(isKilled(stage, old)).toBe(false);
    await stage.report(`${newer}.0-0`, State.RUNNING);
    expect([isKilled(stage, old), isKilled(stage, newer)]).toEqual([true, false]);
    expect(stage.replica.find('job', old)?.record.kill?.by).toBe('schedule/new');
    await stage.report(`${kept}.0-0`, State.FINISHED);
    await stage.advance(minute);
    expect(statusOf(stage, 'keep')?.fires.at(-1)?.outcome).toBe(FireOutcome.STARTED);
  });

  it('leaves nothing behind when its cluster is removed, also while no master led', async () => {
    const stage = await TestStage.open();
    const { master } = await stage.startMaster();
    for (const id of ['c-1', 'c-2']) await put(stage, aCluster({ id, labels: cron('* * * * *') }));
    await stage.advance(minute);
    expect(stage.replica.count('clusterStatus')).toBe(2);
    await stage.store.commit({ actor: 'ada', writes: [{ kind: 'cluster', id: 'c-1' }] });
    await settle();
    expect(stage.replica.count('clusterStatus')).toBe(1);
    await master.close();
    await stage.store.commit({ actor: 'ada', writes: [{ kind: 'cluster', id: 'c-2' }] });
    await stage.startMaster();
    await stage.advance(second);
    expect(stage.replica.count('clusterStatus')).toBe(0);
  });

  it('starts a job that a claim of another keeps from it once that is gone', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await put(stage, aCluster({ labels: cron('* * * * *'), sequence: 'a' }));
    const name = 'group:["batch-job","main","","a"]';
    await stage.store.commit({ actor: 'ada', writes: [], claims: [{ name, owner: 'other' }] });
    await stage.advance(minute);
    expect(statusOf(stage)?.fires.at(-1)).toMatchObject({ outcome: FireOutcome.SKIPPED });
    expect(statusOf(stage)?.fires.at(-1)?.text).toContain('job other is live');
    await stage.store.commit({ actor: 'ada', writes: [], releaseClaims: [{ name, owner: 'other' }] });
    await stage.advance(minute);
    expect(fireTimes(stage)).toEqual([2 * minute]);
  });

  it('is carried out when the store was away at its time', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await put(stage, aCluster({ labels: cron('* * * * *') }));
    await stage.advance(59 * second);
    let losses = 3;
    link.commitFate = () => (losses-- > 0 ? 'lose' : 'apply');
    await stage.advance(5 * second);
    expect(fireTimes(stage)).toEqual([minute]);
    let answers = 1;
    link.commitFate = () => (answers-- > 0 ? 'loseAnswer' : 'apply');
    await stage.advance(minute);
    expect(fireTimes(stage)).toEqual([minute, 2 * minute]);
  });
});

describe('a run while the leader changes', () => {
  it('starts one job if the leader dies before the commit', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    const standby = await stage.startMaster();
    await put(stage, aCluster({ labels: cron('* * * * *') }));
    await stage.advance(59 * second);
    first.link.isCut = true;
    await stage.advance(second);
    expect(fireTimes(stage)).toEqual([]);
    await stage.advance(2 * leaseMs);
    expect(standby.master.isLeading()).toBe(true);
    expect(fireTimes(stage)).toEqual([minute]);
    expect(statusOf(stage)?.fires).toHaveLength(1);
  });

  it('starts one job if the leader dies after the commit', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    const standby = await stage.startMaster();
    await put(stage, aCluster({ labels: cron('* * * * *') }));
    await stage.advance(59 * second);
    first.link.commitFate = () => {
      first.link.isCut = true;
      return 'loseAnswer';
    };
    await stage.advance(second + 2 * leaseMs);
    expect(standby.master.isLeading()).toBe(true);
    expect(fireTimes(stage)).toEqual([minute]);
    await stage.advance(minute);
    expect(fireTimes(stage)).toEqual([minute, 2 * minute]);
  });

  it('starts one job if an old leader, paused at that second, commits late', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    await put(stage, aCluster({ labels: cron('* * * * *') }));
    await stage.advance(59 * second);
    const held: ((fate: CommitFate) => void)[] = [];
    first.link.commitFate = () => new Promise<CommitFate>((resolve) => held.push(resolve));
    await stage.clock.jump(second);
    expect(held).toHaveLength(1);
    await stage.clock.jump(2 * leaseMs);
    const next = await stage.startMaster();
    expect(next.master.isLeading()).toBe(true);
    await stage.advance(second);
    expect(fireTimes(stage)).toEqual([minute]);
    for (const pass of held) pass('apply');
    await settle();
    expect(first.link.results.at(-1)).toMatchObject({ ok: false, reason: 'fenced' });
    expect(fireTimes(stage)).toEqual([minute]);
  });

  it('of each second for ten seconds makes ten jobs, though the leader is lost among them', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    await stage.startMaster();
    const first10 = Array.from({ length: 10 }, (_, index) => (index + 1) * second);
    await put(stage, aCluster({ labels: cron('1-10 * * * * *') }));
    await stage.advance(4.5 * second);
    first.link.isCut = true;
    await stage.advance(10 * second);
    expect(fireTimes(stage)).toEqual(first10);
    expect(new Set([...stage.replica.all('job')].map(({ id }) => id)).size).toBe(10);
  });

  it('is made up once within its starting deadline, and counts as missed beyond it', async () => {
    const stage = await TestStage.open();
    const { master } = await stage.startMaster();
    const deadline = { 'berth.startingDeadlineSecs': '90' };
    await put(stage, aCluster({ labels: cron('* * * * *', 'allow', deadline) }));
    await master.close();
    await stage.advance(3.2 * minute);
    await stage.startMaster();
    await stage.advance(second);
    expect(fireTimes(stage)).toEqual([2 * minute, 3 * minute]);
    expect(must(statusOf(stage)).fires.map(({ atMs, outcome }) => [atMs - t0, outcome])).toEqual([
      [minute, FireOutcome.MISSED],
      [2 * minute, FireOutcome.STARTED],
      [3 * minute, FireOutcome.STARTED],
    ]);
  });
});

describe('a Mantis cluster in a cell', () => {
  it('keeps its minimum, and ends its jobs when it is disabled', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register();
    await put(stage, aCluster({ mantis: { min: 2, max: 3 } }));
    const jobs = [...stage.replica.all('job')];
    expect(jobs.map(({ record }) => record.clusterPlace)).toEqual([1, 2]);
    const [first] = jobs.map(({ id }) => id);
    const kill = { ...must(jobs[0]).record, kill: { atMs: stage.clock.nowMs(), by: 'ada' } };
    await stage.submit(kill);
    const others = () => [...stage.replica.all('job')].filter(({ id }) => id !== first);
    await stage.until('another takes its place', () => others().length === 2);
    await put(stage, aCluster({ mantis: { min: 2, max: 3 }, enabled: false }));
    expect(others().every(({ record }) => record.kill?.by === 'schedule/c-1')).toBe(true);
    expect(stage.replica.count('job')).toBe(3);
  });
});
