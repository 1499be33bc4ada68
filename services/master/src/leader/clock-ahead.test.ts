import { FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import type { Clock } from '@berth/shared/process/clock';
import { describe, expect, it } from 'vitest';
import { aCluster, cron } from '../testing/cluster-fixtures.js';
import { aJob, minute, must, second, t0 } from '../testing/fixtures.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';

const hour = 60 * minute;
const leaseMs = 3 * second;

/** A clock that runs ahead of another. */
class FastClock implements Clock {
  aheadMs = hour;
  readonly #base: Clock;

  constructor(base: Clock) {
    this.#base = base;
  }

  nowMs(): number {
    return this.#base.nowMs() + this.aheadMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#base.sleep(ms, signal);
  }
}

async function put(stage: TestStage, labels: Readonly<Record<string, string>>): Promise<void> {
  const record = aCluster({ labels });
  await stage.store.commit({ actor: 'ada', writes: [{ kind: 'cluster', id: record.id, record }] });
  await settle();
}

/** The runs that started a job up to the present, by how long after t0 they were due. */
function startedRuns(stage: TestStage): readonly number[] {
  const fires = stage.replica.find('clusterStatus', 'c-1')?.record.fires ?? [];
  return fires
    .filter(({ outcome, atMs }) => outcome === FireOutcome.STARTED && atMs <= stage.clock.nowMs())
    .map(({ atMs }) => atMs - t0);
}

describe('a leader whose clock runs an hour ahead', () => {
  it('leaves no silence behind in a schedule', async () => {
    const stage = await TestStage.open();
    const fast = await stage.startMaster({}, new FastClock(stage.clock));
    await put(stage, cron('* * * * *'));
    await stage.advance(10 * second);
    expect(stage.replica.count('job')).toBeGreaterThan(0);
    await fast.master.close();
    await stage.startMaster();
    await stage.advance(3 * minute + leaseMs);
    expect(startedRuns(stage)).toEqual([minute, 2 * minute, 3 * minute]);
  });

  it('has right times again once its own clock is right', async () => {
    const stage = await TestStage.open();
    const clock = new FastClock(stage.clock);
    await stage.startMaster({ BERTH_MASTER_STUCK_DISPATCHED: '30s' }, clock);
    await stage.register();
    await stage.submit(aJob());
    await put(stage, cron('* * * * *'));
    await stage.advance(10 * second);
    expect(stage.taskState('job-1.0-0')?.state).toBe(State.DISPATCHED);
    clock.aheadMs = 0;
    await stage.advance(2 * minute);
    expect(startedRuns(stage)).toEqual([minute, 2 * minute]);
    // It was dispatched and never began: its deadline counts from the correction on.
    expect(stage.taskState('job-1.0-0')?.state).toBe(State.FAILED);
    expect(stage.taskState('job-1.0-1')).toBeDefined();
  });

  it('leaves no finished job that outlives the retention', async () => {
    const stage = await TestStage.open();
    const fast = await stage.startMaster({}, new FastClock(stage.clock));
    await stage.register();
    await stage.submit(aJob());
    await stage.report('job-1.0-0', State.FINISHED);
    expect(must(stage.replica.find('jobStatus', 'job-1')).record.finishedAtMs).toBe(t0 + hour);
    await fast.master.close();
    await stage.startMaster({ BERTH_MASTER_FINISHED_RETENTION: '30s' });
    await stage.advance(leaseMs + second);
    expect(stage.replica.count('job')).toBe(1);
    await stage.advance(31 * second);
    expect(stage.replica.count('job')).toBe(0);
  });

  it('leaves no time in the future of an agent’s state', async () => {
    const stage = await TestStage.open();
    const fast = await stage.startMaster({}, new FastClock(stage.clock));
    await stage.register();
    await stage.advance(second);
    expect(stage.replica.find('agentStatus', 'agent-1')?.record.sinceMs).toBeGreaterThan(t0 + 59 * minute);
    await fast.master.close();
    await stage.startMaster();
    await stage.advance(10 * second);
    expect(stage.replica.find('agentStatus', 'agent-1')?.record.sinceMs).toBeLessThan(t0 + minute);
  });
});
