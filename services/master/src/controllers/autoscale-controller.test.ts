import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { TaskInstances } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf } from '@berth/shared/model/job/job';
import { withInstances } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State, taskState } from '@berth/shared/model/task/task-state';
import { silentLogger } from '@berth/shared/process/logger';
import { Registry } from 'prom-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FencedError } from '../commit/leader-committer.js';
import { createMasterMetrics } from '../metrics/master-metrics.js';
import { aJob, aTask, must, second, t0 } from '../testing/fixtures.js';
import { aScaledService, aScaledStage, busyPolicy, cpuBatch } from '../testing/scaled-jobs.js';
import { type CommitFate, StoreLink } from '../testing/store-link.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';
import { AutoscaleController } from './autoscale-controller.js';

/** The controller alone over a store: the test writes the tasks. */
async function watched() {
  const stage = await TestStage.open();
  const lease = must(await stage.store.tryAcquire('master', 3600 * second));
  const registry = new Registry();
  let feeds = 0;
  let failure: unknown;
  let link = new StoreLink(stage.store);
  /** Starts it, as a leader that comes to power does; ends the one before. */
  const start = async () => {
    link.isCut = true;
    link = new StoreLink(stage.store);
    registry.clear();
    const current = link;
    const ending = new AbortController();
    const { clock, replica } = stage;
    const controller = new AutoscaleController({
      store: {
        openSampleFeed: () => {
          feeds += 1;
          return stage.store.openSampleFeed();
        },
      },
      committer: stage.committer(current, lease.epoch),
      replica,
      everyMs: 5 * second,
      clock,
      log: silentLogger,
      metrics: createMasterMetrics(registry),
    });
    const changes = replica.changes$.subscribe((commit) => controller.take(commit));
    const done = controller
      .run(ending.signal)
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => changes.unsubscribe());
    const stop = async () => {
      ending.abort();
      await done;
    };
    onTestFinished(stop);
    await settle();
    return stop;
  };
  const job = (id = 'job-1') => must(stage.replica.find('job', id)).record;
  const desired = (of = 0) => instancesOf(must(job().descriptor), of).desired;
  const decisions = () => stage.replica.find('jobScaling', 'job-1')?.record.decisions ?? [];
  const metric = async (name: string) => registry.getSingleMetricAsString(name);
  return {
    stage,
    start,
    desired,
    decisions,
    job,
    metric,
    link: () => link,
    feeds: () => feeds,
    failure: () => failure,
  };
}

/** Submits the job, and lets as many tasks run as it wants. */
async function submit(stage: TestStage, job: JobRecord): Promise<void> {
  await stage.submit(job);
  await fill(stage, job);
}

async function fill(stage: TestStage, job: JobRecord): Promise<void> {
  const stages = job.descriptor?.jobSpec?.$case === 'mantis' ? [1, 2] : [0];
  const tasks = stages.flatMap((each) =>
    Array.from({ length: instancesOf(must(job.descriptor), each).desired }, (_, slot) =>
      aTask({ job, slot, stage: each, state: State.RUNNING }),
    ),
  );
  const writes = tasks.map((record) => ({ kind: 'task', id: taskIdOf(record), record }) as const);
  await stage.store.commit({ actor: 'master', writes });
  await settle();
}

/** Changes the instances as a gateway does, with a clock that is ahead by that much. */
async function setByCaller(
  stage: TestStage,
  job: JobRecord,
  instances: Partial<TaskInstances>,
  aheadMs = 0,
): Promise<void> {
  const before = must(job.descriptor);
  const descriptor = withInstances(before, 0, { ...instancesOf(before), ...instances });
  const instancesSetAtMs = { 0: stage.clock.nowMs() + aheadMs };
  const after = { ...job, descriptor, instancesSetAtMs };
  await stage.submit(after);
  await fill(stage, after);
}

/** Lets seconds pass while all running tasks use that much, with a sample each five. */
async function pass(stage: TestStage, seconds: number, cpu: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 5) {
    const running = stage.replica
      .tasksOf('job-1')
      .filter(({ record }) => taskState(record) === State.RUNNING)
      .map(({ id }) => id);
    await stage.store.publishSamples(cpuBatch(running, cpu));
    await stage.advance(5 * second);
  }
}

describe('the autoscale controller', () => {
  it('changes the number of instances and stores the reason in one commit', async () => {
    const { stage, start, desired, decisions, metric } = await watched();
    await start();
    await submit(stage, aScaledService());
    await pass(stage, 10, 90);
    expect([desired(), decisions()]).toEqual([1, []]);
    await pass(stage, 5, 90);
    expect(desired()).toBe(2);
    expect(decisions()).toEqual([
      {
        atMs: t0 + 15 * second,
        stage: 0,
        policy: 'avg(CPUUtilization) > 80%',
        from: 1,
        to: 2,
        values: { 'avg(CPUUtilization)': 90 },
      },
    ]);
    const [job, scaling] = [stage.replica.find('job', 'job-1'), stage.replica.find('jobScaling', 'job-1')];
    expect(job?.revision).toBe(scaling?.revision);
    expect(await metric('berth_master_scalings_total')).toContain('direction="out"} 1');
    expect(await metric('berth_master_scaled_jobs')).toContain(' 1');
  });

  it('waits for its cool-down, and until the new instances run', async () => {
    const { stage, start, desired, job } = await watched();
    await start();
    await submit(stage, aScaledService());
    await pass(stage, 15, 90);
    expect(desired()).toBe(2);
    await pass(stage, 60, 90);
    expect(desired()).toBe(2);
    await fill(stage, job());
    await pass(stage, 10, 90);
    expect(desired()).toBe(3);
  });

  it('scales in again when the load is gone', async () => {
    const { stage, start, desired, decisions, job } = await watched();
    const quiet = busyPolicy({ condition: 'avg(CPUUtilization) < 20%', action: 'removeInstances 1' });
    await start();
    await submit(stage, aScaledService({ policies: [busyPolicy(), quiet] }));
    await pass(stage, 15, 90);
    await fill(stage, job());
    await pass(stage, 25, 5);
    expect(desired()).toBe(2);
    await pass(stage, 5, 5);
    expect(desired()).toBe(1);
    expect(decisions().map(({ from, to }) => [from, to])).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  it.each([
    ['sets more instances', { desired: 5 }, {}],
    ['sets another minimum', { min: 2, desired: 4 }, {}],
    ['sets another maximum', { max: 4, desired: 4 }, {}],
    ['brings the service back from zero', { desired: 4 }, { desired: 0, min: 0 }],
  ])('leaves the instances alone for a cool-down after a caller %s', async (_, instances, before) => {
    const { stage, start, desired, job } = await watched();
    const quiet = busyPolicy({ condition: 'avg(CPUUtilization) < 20%', action: 'setInstances 2' });
    await start();
    await submit(stage, aScaledService({ policies: [quiet], instances: { ...{ desired: 4 }, ...before } }));
    await pass(stage, 5, 5);
    await setByCaller(stage, job(), instances);
    const { desired: set } = instances;
    await pass(stage, 25, 5);
    expect(desired()).toBe(set);
    await pass(stage, 10, 5);
    expect(desired()).toBe(2);
  });

  it('begins holds anew after a caller’s change', async () => {
    const { stage, start, desired, job } = await watched();
    const labels = { 'berth.coolDownSecs': '0' };
    const slow = busyPolicy({ durationSecs: 20, labels });
    await start();
    await submit(stage, aScaledService({ policies: [slow] }));
    await pass(stage, 20, 90);
    await setByCaller(stage, job(), { desired: 2 });
    await pass(stage, 20, 90);
    expect(desired()).toBe(2);
    await pass(stage, 10, 90);
    expect(desired()).toBe(3);
  });

  it('cools down no longer for a change by a gateway whose clock is ahead', async () => {
    const { stage, start, desired, job } = await watched();
    await start();
    await submit(stage, aScaledService());
    await setByCaller(stage, job(), { desired: 2 }, 3600 * second);
    await pass(stage, 30, 90);
    expect(desired()).toBe(2);
    await pass(stage, 10, 90);
    expect(desired()).toBe(3);
  });

  it('neither listens nor wakes up while no job has policies', async () => {
    const { stage, start, feeds, link } = await watched();
    await start();
    await stage.submit(aJob());
    await stage.advance(60 * second);
    expect([feeds(), link().requests.length]).toEqual([0, 0]);
  });

  it('begins to listen with the first such job, and stops with the last', async () => {
    const { stage, start, feeds, metric } = await watched();
    await start();
    const job = aScaledService();
    await submit(stage, job);
    await pass(stage, 5, 10);
    expect(feeds()).toBe(1);
    expect(await metric('berth_master_samples_total')).toContain(' 1');
    await stage.submit({ ...job, kill: { atMs: stage.clock.nowMs(), by: 'ada' } });
    await pass(stage, 10, 10);
    await pass(stage, 10, 10);
    expect(await metric('berth_master_samples_total')).toMatch(/ [12]\n?$/);
    expect(await metric('berth_master_scaled_jobs')).toContain(' 0');
    await stage.submit(job);
    await pass(stage, 5, 10);
    expect(feeds()).toBe(2);
  });

  it('leaves a disabled job alone, and checks it again when it is enabled', async () => {
    const { stage, start, desired, job } = await watched();
    await start();
    await submit(stage, aScaledService({ isEnabled: false }));
    await pass(stage, 60, 90);
    expect(desired()).toBe(1);
    await stage.submit(aScaledService());
    expect(job().descriptor?.jobSpec?.value).toMatchObject({ enabled: true });
    await pass(stage, 10, 90);
    expect(desired()).toBe(1);
    await pass(stage, 5, 90);
    expect(desired()).toBe(2);
  });

  it('does nothing to a job that is ending or has ended', async () => {
    const { stage, start, desired } = await watched();
    await start();
    const job = aScaledService();
    await submit(stage, { ...job, kill: { atMs: t0, by: 'ada' } });
    await pass(stage, 60, 90);
    expect(desired()).toBe(1);
  });

  it('decides anew on the caller’s change if a caller was faster', async () => {
    const { stage, start, desired, decisions, link, job } = await watched();
    await start();
    await submit(stage, aScaledService({ instances: { max: 4 } }));
    let isFirst = true;
    link().commitFate = async (): Promise<CommitFate> => {
      if (!isFirst) return 'apply';
      isFirst = false;
      const before = job();
      const descriptor = withInstances(must(before.descriptor), 0, { min: 1, max: 4, desired: 1 });
      await stage.store.commit({
        actor: 'ada',
        writes: [
          {
            kind: 'job',
            id: 'job-1',
            record: { ...before, descriptor: { ...descriptor, appName: 'renamed' } },
          },
        ],
      });
      return 'apply';
    };
    await pass(stage, 15, 90);
    expect(link().results.map(({ ok }) => ok)).toEqual([false, true]);
    expect([desired(), job().descriptor?.appName]).toEqual([2, 'renamed']);
    expect(decisions()).toHaveLength(1);
  });

  it('goes on when a commit is lost, and acts once when only its answer is', async () => {
    const { stage, start, desired, decisions, link } = await watched();
    await start();
    await submit(stage, aScaledService());
    const fates = ['lose', 'loseAnswer'] as const;
    let commits = 0;
    link().commitFate = () => fates[commits++] ?? 'apply';
    await pass(stage, 15, 90);
    expect(desired()).toBe(1);
    await pass(stage, 5, 90);
    expect(desired()).toBe(2);
    await pass(stage, 15, 90);
    expect([desired(), decisions().length]).toEqual([2, 1]);
  });

  it('writes nothing when another master leads, and ends', async () => {
    const { stage, start, desired, failure } = await watched();
    await start();
    await submit(stage, aScaledService());
    await stage.clock.jump(7200 * second);
    await stage.store.tryAcquire('other', 3600 * second);
    await pass(stage, 60, 90);
    expect(desired()).toBe(1);
    expect(failure()).toBeInstanceOf(FencedError);
  });

  it('of a new leader begins with an empty window, and with the cool-down of the decisions that are stored', async () => {
    const { stage, start, desired, job } = await watched();
    const stop = await start();
    await submit(
      stage,
      aScaledService({ policies: [busyPolicy({ labels: { 'berth.coolDownSecs': '60' } })] }),
    );
    await pass(stage, 15, 90);
    expect(desired()).toBe(2);
    await fill(stage, job());
    await pass(stage, 5, 90);
    await stop();
    await start();
    // Nothing was heard yet; then the condition has to hold for its ten seconds, and the cool-down of 60 to
    // pass.
    await stage.advance(10 * second);
    await pass(stage, 40, 90);
    expect(desired()).toBe(2);
    await pass(stage, 10, 90);
    expect(desired()).toBe(3);
  });

  it('keeps the newest decisions only', async () => {
    const { stage, start, decisions, desired } = await watched();
    await start();
    const policies = [
      busyPolicy({ durationSecs: 0, labels: { 'berth.coolDownSecs': '0' } }),
      busyPolicy({
        condition: 'avg(CPUUtilization) < 20%',
        action: 'removeInstances 1',
        durationSecs: 0,
        labels: { 'berth.coolDownSecs': '0' },
      }),
    ];
    await submit(stage, aScaledService({ policies, instances: { desired: 2 } }));
    await fill(stage, aScaledService({ instances: { desired: 3 } }));
    for (let turn = 0; turn < 15; turn += 1) {
      await pass(stage, 5, 90);
      await pass(stage, 5, 5);
    }
    expect(decisions().length).toBe(20);
    expect(decisions().at(-1)).toMatchObject({ from: 3, to: 2 });
    expect(desired()).toBe(2);
  });
});

describe('the autoscale controller of a stage', () => {
  it('changes the instances of that stage only, by one sample each 30 s, as percentages of the requested resources', async () => {
    const { stage, start, desired, decisions } = await watched();
    await start();
    await submit(stage, aScaledStage({ increment: 2 }));
    await pass(stage, 25, 90);
    expect([desired(1), desired(2)]).toEqual([1, 1]);
    await pass(stage, 10, 90);
    expect([desired(1), desired(2)]).toEqual([1, 3]);
    expect(decisions()).toMatchObject([
      { stage: 2, policy: 'CPU > 80 or < 20', from: 1, to: 3, values: { CPU: 90 } },
    ]);
    await pass(stage, 30, 5);
    expect(desired(2)).toBe(2);
  });

  it('takes the mean of the last two samples of each worker', async () => {
    const { stage, start, decisions } = await watched();
    await start();
    await submit(stage, aScaledStage());
    await pass(stage, 25, 100);
    await pass(stage, 5, 70);
    expect(decisions()).toMatchObject([{ values: { CPU: 85 } }]);
  });

  it('cools down from its launch, and a new leader goes on with the cool-down', async () => {
    const { stage, start, desired } = await watched();
    const stop = await start();
    await submit(stage, aScaledStage({ coolDownSecs: 100 }));
    await pass(stage, 100, 90);
    expect(desired(2)).toBe(1);
    await pass(stage, 30, 90);
    expect(desired(2)).toBe(2);
    await stop();
    await start();
    await pass(stage, 90, 90);
    expect(desired(2)).toBe(2);
    await pass(stage, 30, 90);
    expect(desired(2)).toBe(3);
  });
});
