import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aMantisJob, type JobOptions, second } from '../testing/fixtures.js';
import { TestStage } from '../testing/test-stage.js';

const timeoutSecs = 30;

/** A Transient job of one stage that runs, with a master in virtual time. */
async function running(options: JobOptions = {}) {
  const stage = await TestStage.open();
  const { link, master } = await stage.startMaster();
  await stage.until('the master leads', () => master.isLeading());
  await stage.register();
  const job = aMantisJob({
    stages: [1],
    sla: { durationType: 1 },
    subscriptionTimeoutSecs: timeoutSecs,
    createdAtMs: stage.clock.nowMs(),
    ...options,
  });
  await stage.submit(job);
  const taskId = `${job.id}.1-0-0`;
  await stage.until('its task is placed', () => stage.taskState(taskId)?.state === State.DISPATCHED);
  await stage.report(taskId, State.RUNNING);
  await stage.until('it runs', () => stage.jobState()?.state === State.RUNNING);
  const kill = () => stage.replica.find('job', job.id)?.record.kill;
  /** Lets time pass while somebody observes the job. */
  const observe = async (ms: number) => {
    for (let left = ms; left > 0; left -= second) {
      await stage.store.recordObserved([job.id]);
      await stage.advance(second);
    }
  };
  return { stage, link, master, kill, observe };
}

describe('a Transient job', () => {
  it('ends once nobody has observed it for its timeout, by a stop request of the master with the reason', async () => {
    const { stage, kill } = await running();
    await stage.advance(timeoutSecs * second);
    expect(kill()).toBeUndefined();
    await stage.advance(15 * second);
    expect(kill()).toMatchObject({ by: 'master', text: 'nobody has observed the job for 30 s' });
    await stage.report('job-1.1-0-0', State.FAILED, { stopped: true });
    await stage.until('it has ended', () => stage.jobState()?.state === State.FINISHED);
    expect(stage.jobState()?.reason).toBe('killed: nobody has observed the job for 30 s');
  });

  it('goes on while it is observed, and has its time again from then on', async () => {
    const { stage, kill, observe } = await running();
    await observe(4 * timeoutSecs * second);
    expect(kill()).toBeUndefined();
    await stage.advance((timeoutSecs - 5) * second);
    expect(kill()).toBeUndefined();
    await stage.advance(20 * second);
    expect(kill()).toBeDefined();
  });

  it('goes on for its least runtime', async () => {
    const { stage, kill } = await running({ sla: { durationType: 1, minRuntimeSecs: 120 } });
    await stage.advance(115 * second);
    expect(kill()).toBeUndefined();
    await stage.advance(10 * second);
    expect(kill()).toBeDefined();
  });

  it('is not ended for a silence in which the store could not be read', async () => {
    const { stage, link, kill } = await running();
    await stage.advance(20 * second);
    link.lastObservedMs = () => Promise.reject(new Error('no answer'));
    await stage.advance(5 * second);
    Reflect.deleteProperty(link, 'lastObservedMs');
    await stage.advance((timeoutSecs - 5) * second);
    expect(kill()).toBeUndefined();
    await stage.advance(20 * second);
    expect(kill()).toBeDefined();
  });

  it('has its time anew when another master leads, which has heard nobody yet', async () => {
    const { stage, master, kill } = await running();
    await stage.advance((timeoutSecs - 5) * second);
    const { master: next } = await stage.startMaster();
    await master.close();
    await stage.advance(10 * second);
    expect(next.isLeading()).toBe(true);
    await stage.advance((timeoutSecs - 10) * second);
    expect(kill()).toBeUndefined();
    await stage.advance(30 * second);
    expect(kill()).toBeDefined();
  });

  it('is forgotten by the store once it is over', async () => {
    const { stage, kill, observe } = await running();
    await observe(5 * second);
    await stage.advance((timeoutSecs + 20) * second);
    expect(kill()).toBeDefined();
    expect((await stage.store.lastObservedMs(['job-1'])).size).toBe(0);
  });
});

describe('a Perpetual job', () => {
  it('stays though nobody observes it, and its subscriptions are not even read', async () => {
    const stage = await TestStage.open();
    const { link, master } = await stage.startMaster();
    await stage.until('the master leads', () => master.isLeading());
    let looks = 0;
    link.lastObservedMs = async () => {
      looks += 1;
      return new Map();
    };
    await stage.register();
    await stage.submit(aMantisJob({ stages: [1], createdAtMs: stage.clock.nowMs() }));
    await stage.report('job-1.1-0-0', State.RUNNING);
    await stage.advance(3600 * second);
    expect(stage.replica.find('job', 'job-1')?.record.kill).toBeUndefined();
    expect(looks).toBe(0);
  });
});
