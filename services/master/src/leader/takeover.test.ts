import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aService, must, second } from '../testing/fixtures.js';
import type { CommitFate, StoreLink } from '../testing/store-link.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';

const taskId = 'job-1.0-0';
const leaseMs = 3 * second;

/** A gate that holds commits up until a test lets them go. */
function gate() {
  const held: ((fate: CommitFate) => void)[] = [];
  return {
    held,
    hold: () => new Promise<CommitFate>((resolve) => held.push(resolve)),
    open: (fate: CommitFate = 'apply') => {
      for (const pass of held.splice(0)) pass(fate);
    },
  };
}

describe('a standby', () => {
  it('does nothing while another leads', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    const second = await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    expect([first.master.isLeading(), second.master.isLeading()]).toEqual([true, false]);
    expect(second.link.requests).toEqual([]);
  });

  it('takes over soon after the leader has given up the lease', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    const standby = await stage.startMaster();
    await first.master.close();
    expect(first.master.isLeading()).toBe(false);
    await stage.advance(leaseMs / 6);
    expect(standby.master.isLeading()).toBe(true);
  });

  it('takes over when the leader’s lease has expired, and continues its work', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    const standby = await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    first.link.isCut = true;
    await stage.report(taskId, State.RUNNING);
    expect(stage.taskState(taskId)?.state).toBe(State.DISPATCHED);
    await stage.advance(leaseMs - second);
    expect(standby.master.isLeading()).toBe(false);
    await stage.advance(1.5 * second);
    expect([first.master.isLeading(), standby.master.isLeading()]).toEqual([false, true]);
    expect(stage.taskState(taskId)?.state).toBe(State.RUNNING);
  });

  it('drops what was decided on commits that the store has lost, and leads on what it has', async () => {
    const stage = await TestStage.open();
    const { master, link } = await stage.startMaster();
    await stage.register();
    const setBack = stage.store.checkpoint();
    const { held, hold, open } = gate();
    link.commitFate = hold;
    await stage.submit(aJob());
    await stage.until('the placement is on its way', () => held.length > 0);
    setBack();
    link.commitFate = () => 'apply';
    open();
    await stage.advance(5 * second);
    expect(master.isLeading()).toBe(true);
    expect([...stage.replica.all('task')]).toEqual([]);
    expect(await stage.assignments()).toEqual([]);
    await stage.submit(aJob({ id: 'job-2' }));
    await stage.advance(second);
    expect(stage.taskState('job-2.0-0')?.state).toBe(State.DISPATCHED);
  });

  it('finds the reports that the leader had read and not committed', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    const standby = await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    const { hold, open } = gate();
    first.link.commitFate = hold;
    await stage.report(taskId, State.RUNNING);
    await stage.report(taskId, State.FINISHED);
    expect(must(first.link.requests.at(-1)).ackReportsThrough).toBe('1-0');
    first.link.isCut = true;
    await stage.advance(2 * leaseMs);
    expect(standby.master.isLeading()).toBe(true);
    expect(stage.taskState(taskId)).toEqual({ state: State.FINISHED, reason: 'normal' });
    expect(stage.replica.find('task', taskId)?.record.task?.stateChanges.map(({ state }) => state)).toContain(
      'RUNNING',
    );
    open('lose');
  });
});

describe('a leader that has been replaced', () => {
  it('writes nothing any more, and stops', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    await stage.register();
    const { hold, open, held } = gate();
    first.link.commitFate = hold;
    await stage.submit(aService());
    expect(held).toHaveLength(1);
    // The first is held up for so long that its lease runs out, as by a pause of its machine.
    await stage.clock.jump(2 * leaseMs);
    const next = await stage.startMaster();
    expect(next.master.isLeading()).toBe(true);
    const { revision } = stage.replica;
    open();
    await settle();
    expect(first.link.results.at(-1)).toMatchObject({ ok: false, reason: 'fenced' });
    expect(stage.replica.revision).toBe(revision);
    expect(first.master.isLeading()).toBe(false);
    expect(stage.replica.count('task')).toBe(1);
  });

  it('can lead again later', async () => {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    await stage.clock.jump(2 * leaseMs);
    const next = await stage.startMaster();
    await next.master.close();
    await stage.advance(2 * leaseMs);
    expect(first.master.isLeading()).toBe(true);
    await stage.register();
    await stage.submit(aJob());
    expect(stage.taskState(taskId)?.state).toBe(State.DISPATCHED);
  });
});

describe('a commit whose answer is lost', () => {
  function loseNextAnswer(link: StoreLink): void {
    link.commitFate = () => {
      link.commitFate = () => 'apply';
      return 'loseAnswer';
    };
  }

  it('is asked for again with the same id, so that a task is placed once', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await stage.register();
    await stage.register({ id: 'agent-2' });
    const before = link.requests.length;
    loseNextAnswer(link);
    await stage.submit(aJob());
    await stage.advance(second);
    const asked = link.requests.slice(before);
    expect(new Set(asked.map(({ commitId }) => commitId)).size).toBe(1);
    expect(asked).toHaveLength(2);
    expect([...(await stage.assignments('agent-1')), ...(await stage.assignments('agent-2'))]).toHaveLength(
      1,
    );
    expect(stage.replica.count('task')).toBe(1);
    expect(stage.taskState(taskId)?.state).toBe(State.DISPATCHED);
  });

  it('is asked for again when it was not applied either', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await stage.register();
    let losses = 3;
    link.commitFate = () => (losses-- > 0 ? 'lose' : 'apply');
    await stage.submit(aJob());
    await stage.advance(2 * second);
    expect(stage.taskState(taskId)?.state).toBe(State.DISPATCHED);
  });

  it('acknowledges the reports that it holds once only', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    loseNextAnswer(link);
    await stage.report(taskId, State.RUNNING);
    await stage.report(taskId, State.FINISHED);
    await stage.advance(second);
    expect(stage.taskState(taskId)?.state).toBe(State.FINISHED);
    expect(stage.replica.find('task', taskId)?.record.task?.stateChanges).toHaveLength(4);
  });
});

describe('a commit that is too large for the store', () => {
  it('is made in smaller parts', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await stage.register({ cpuMillis: 1e6, memoryMb: 1e6 });
    const refused: number[] = [];
    const { store } = stage;
    const commit = store.commit.bind(store);
    store.commit = async (request) => {
      if (request.actor !== 'master' || request.writes.length <= 30) return commit(request);
      refused.push(request.writes.length);
      // The store's own answer to requests that are too large.
      return commit({ ...request, writes: Array(2001).fill(request.writes[0]) });
    };
    await stage.submit(aJob({ desired: 100 }));
    await stage.until(
      'all tasks are placed',
      () => [...stage.replica.all('task')].filter(({ record }) => record.agentId !== '').length === 100,
    );
    expect(refused.length).toBeGreaterThan(0);
    expect(link.requests.length).toBeGreaterThan(4);
  });
});

describe('a new leader', () => {
  /**
   * A stage on which every master has been down for five minutes, with one task that was dispatched before.
   */
  async function afterOutage(meanwhile: (stage: TestStage) => Promise<void> = async () => {}) {
    const stage = await TestStage.open();
    const first = await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    await first.master.close();
    await meanwhile(stage);
    await stage.advance(300 * second);
    await stage.startMaster();
    return stage;
  }

  it('reads the agents’ reports before it judges anything', async () => {
    const stage = await afterOutage(async (down) => {
      await down.report(taskId, State.STARTING);
      await down.report(taskId, State.RUNNING);
    });
    expect(stage.taskState(taskId)?.state).toBe(State.RUNNING);
    await stage.advance(60 * second);
    expect(stage.taskState(taskId)?.state).toBe(State.RUNNING);
  });

  it('gives agents time to report after an outage of all masters before deadlines count', async () => {
    const stage = await afterOutage();
    await stage.advance(15 * second);
    expect(stage.taskState(taskId)?.state).toBe(State.DISPATCHED);
    await stage.report(taskId, State.RUNNING);
    await stage.advance(60 * second);
    expect(stage.taskState(taskId)?.state).toBe(State.RUNNING);
  });

  it('judges deadlines in the end', async () => {
    const stage = await afterOutage();
    await stage.advance(25 * second);
    expect(stage.replica.find('task', taskId)?.record.task?.state?.reason).toMatch(/^stuckInState/);
  });
});
