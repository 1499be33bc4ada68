import { FireOutcome } from '@berth/shared/gen/berth/v1/store';
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
import { noCapacityMs } from './replacement.js';
import { decideCluster } from './schedule.js';

const running = { id: 'old', state: State.RUNNING, createdAtMs: t0, fireAtMs: t0 };
const fresh = { id: 'new', createdAtMs: t0 + minute, fireAtMs: t0 + minute };

function decide(
  afterMs: number,
  there: readonly ClusterJobOptions[],
  { order = 'startFirst', sequence = '', throughMs = minute } = {},
) {
  const labels = cron('* * * * *', 'replace', { 'berth.cronReplace': order });
  const record = aCluster({ labels, sequence });
  const status = { clusterId: 'c-1', firedThroughMs: t0 + throughMs, fires: [], setBacks: undefined };
  return decideCluster(clusterInput(record, afterMs, { jobs: there.map(aClusterJob), status }));
}

const killed = (decision: ReturnType<typeof decide>) => decision.kills.map(({ job }) => job.id);

describe('a job that is to replace another, and finds no room beside it', () => {
  it('has the old one end after a while', () => {
    const waiting = decide(minute + second, [running, fresh]);
    expect(killed(waiting)).toEqual([]);
    expect(waiting.nextDueMs).toBe(t0 + minute + noCapacityMs);
    expect(killed(decide(minute + noCapacityMs, [running, fresh]))).toEqual(['old']);
  });

  it('lets the old one live if an agent has taken it', () => {
    const starting = { ...fresh, state: State.STARTING };
    expect(killed(decide(minute + noCapacityMs, [running, starting]))).toEqual([]);
  });

  it('counts the wait of the jobs whose place it took, however short the schedule', () => {
    const before = { ...fresh, state: State.FINISHED, killed: true };
    const newest = {
      id: 'newest',
      createdAtMs: t0 + minute + noCapacityMs,
      fireAtMs: t0 + minute + noCapacityMs,
    };
    expect(killed(decide(minute + noCapacityMs, [running, before, newest]))).toEqual(['old']);
  });

  it('does not count jobs that failed by themselves', () => {
    const failed = { ...fresh, state: State.FAILED, reason: 'invalidRequest' };
    const newest = {
      id: 'newest',
      createdAtMs: t0 + minute + noCapacityMs,
      fireAtMs: t0 + minute + noCapacityMs,
    };
    expect(killed(decide(minute + noCapacityMs, [running, failed, newest]))).toEqual([]);
  });
});

describe('a run that has the old job end first', () => {
  const stopFirst = { order: 'stopFirst', throughMs: 0 };

  it('orders it to stop, and starts once it has ended', () => {
    const first = decide(minute, [running], stopFirst);
    expect(killed(first)).toEqual(['old']);
    expect(first).toMatchObject({ runs: [], jobs: [], firedThroughMs: t0 });
    expect(first.nextDueMs).toBe(t0 + 2 * minute);
    const ending = { ...running, kill: { atMs: t0 + minute, by: 'schedule/c-1' } };
    expect(decide(minute + second, [{ ...running, killed: true }], stopFirst)).toMatchObject({
      runs: [],
      kills: [],
    });
    const after = decide(minute + 9 * second, [{ ...ending, state: State.FINISHED }], stopFirst);
    expect(after.jobs.map(({ fireAtMs }) => fireAtMs)).toEqual([t0 + minute]);
  });

  it('starts at once if none lives', () => {
    expect(decide(minute, [], stopFirst).jobs).toHaveLength(1);
  });

  it('gives its place to the next run that comes in between', () => {
    const next = decide(2 * minute, [{ ...running, killed: true }], stopFirst);
    expect(next.runs.map(({ outcome }) => outcome)).toEqual([FireOutcome.SKIPPED]);
    expect(next.jobs).toEqual([]);
  });

  it('is not missed if the end takes longer than the starting deadline', () => {
    const labels = cron('0 * * * *', 'replace', {
      'berth.cronReplace': 'stopFirst',
      'berth.startingDeadlineSecs': '60',
    });
    const record = aCluster({ labels });
    const { job, status } = aClusterJob({ ...running, state: State.FINISHED });
    const kill = { atMs: t0 + 60 * minute, by: 'schedule/c-1', text: undefined };
    const ended = { status, job: { ...job, record: { ...job.record, kill } } };
    const { runs } = decideCluster(clusterInput(record, 65 * minute, { jobs: [ended] }));
    expect(runs.map(({ outcome }) => outcome)).toEqual([FireOutcome.STARTED]);
  });

  it('does so by itself if the old one bears the name of the new one', () => {
    const labels = cron('* * * * *', 'replace');
    const record = aCluster({ labels, sequence: '001' });
    const { jobs } = decideCluster(clusterInput(record, minute));
    const { job, status } = aClusterJob({ id: 'old', state: State.RUNNING });
    const old = { status, job: { ...job, record: { ...must(jobs[0]), id: 'old' } } };
    const input = clusterInput(record, 2 * minute, {
      jobs: [old],
      status: { clusterId: 'c-1', firedThroughMs: t0 + minute, fires: [], setBacks: undefined },
    });
    const second = decideCluster(input);
    expect(second.kills.map(({ job: { id } }) => id)).toEqual(['old']);
    expect(second).toMatchObject({ runs: [], jobs: [] });
  });
});
