import { cli } from '@berth/cli/testing/harness';
import { BerthClient, type Stage } from '@berth/client';
import {
  type Job,
  JobManagementServiceService as methods,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { firstValueFrom } from 'rxjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  codeIn,
  isJobOver,
  mantis,
  ownPart,
  runs,
  simulated,
  stateOf,
  tasksIn,
} from '../support/callers/jobs.js';
import { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const live = (job: Job, stage: number) =>
  job.tasks.filter(
    (task) => stateOf(task) <= State.RUNNING && task.taskContext['task.stage'] === String(stage),
  );
const places = (tasks: readonly Task[]) => tasks.map(ownPart).toSorted();
/** No agent has room for it. */
const tooLarge = { ...simulated(), resources: { cpu: '1000', memory: '32' } };
const numberOf = (task: Task | undefined) => Number(task?.taskContext['task.workerNumber']);

describe.skipIf(skipRedisTests !== false)('Mantis jobs of a whole cell', () => {
  let cell: TestCell;
  let first: TitusCaller;
  let second: TitusCaller;
  let client: BerthClient;

  beforeAll(async () => {
    cell = await TestCell.start({ gateways: 2, masters: 2 });
    first = cell.caller(0);
    second = cell.caller(1);
    TitusCaller.shareSession(first, second);
    client = BerthClient.connect({ addresses: [cell.address(1)], caller: { email: 'test@example.com' } });
  });
  afterAll(async () => {
    client?.close();
    await closeCleanly(cell);
  });

  const scaleStage = (jobId: string, stage: number, desired: number) =>
    second.call(
      methods.updateJobInstances,
      { jobId, instances: { min: undefined, max: undefined, desired } },
      { headers: { 'berth.stage': String(stage) } },
    );
  const twoStages = (tasks: readonly [number, number] = [1, 2]) =>
    mantis(tasks.map((count) => ({ container: simulated(), tasks: count })));

  it('keep the number of tasks of each stage when tasks end, and end when they are killed', async () => {
    const id = await first.create(twoStages());
    const job = await first.until(id, runs(3), 'runs');
    expect(places(live(job, 1))).toEqual(['1-0-0']);
    expect(places(live(job, 2))).toEqual(['2-0-0', '2-1-0']);
    expect(job.tasks.map(numberOf).toSorted()).toEqual([1, 2, 3]);

    await first.killTask(`${id}.2-0-0`);
    const replaced = await first.until(
      id,
      (now) => places(live(now, 2)).includes('2-0-1') && runs(3)(now),
      'runs again',
    );
    expect(numberOf(live(replaced, 2).find((task) => ownPart(task) === '2-0-1'))).toBe(4);

    await scaleStage(id, 2, 4);
    await first.until(id, runs(5), 'has grown');
    await scaleStage(id, 2, 1);
    const shrunk = await first.until(id, runs(2), 'has shrunk');
    expect(places(live(shrunk, 2))).toEqual(['2-0-1']);
    expect(places(live(shrunk, 1))).toEqual(['1-0-0']);

    await first.kill(id);
    const over = await first.until(id, isJobOver, 'ends');
    expect([over.jobState?.state, codeIn(over)]).toEqual([State.FINISHED, 'killed']);
  });

  it('pass the addresses of all tasks of the earlier stage to each task, also if all begin together', async () => {
    const container = simulated();
    const id = await first.create(
      mantis([
        { container, tasks: 3 },
        { container, tasks: 2 },
        { container, tasks: 1 },
      ]),
    );
    const job = await first.until(id, runs(6), 'runs');
    const addresses = (stage: number) =>
      live(job, stage)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1))
        .map(({ taskContext }) => taskContext['task.containerIp']);
    expect(addresses(1).map((address) => typeof address)).toEqual(['string', 'string', 'string']);
    for (const { id: taskId, taskContext } of job.tasks) {
      const stage = Number(taskContext['task.stage']);
      const environment = cell.engines.engineOf(taskContext['agent.id'] ?? '').environmentOf(taskId);
      expect([environment?.BERTH_PREVIOUS_STAGE, environment?.BERTH_NEXT_STAGE]).toEqual([
        addresses(stage - 1).join(','),
        '',
      ]);
    }
    await first.kill(id);
  });

  it('show the reason of a waiting stage in streams and in queries', async () => {
    const id = await first.create(mantis([{ container: tooLarge }, { container: simulated(), tasks: 2 }]));
    await first.until(id, ({ tasks }) => tasks.length === 1, 'has the first task of its first stage');
    const berth = async (command: string) =>
      (await cli([command, id, '--address', cell.address()])).out.map((line) => line.trim());
    const sentence =
      'Stage 2 has not begun: it waits until all tasks of stage 1 run (0 of 1 do), or until the time limit of the wait is over.';
    expect(await berth('explain')).toEqual(
      expect.arrayContaining([sentence, `${id}.1-0-0 waits: none of 2 agents can take it now.`]),
    );
    expect(await berth('show')).toContain(sentence);
    // The client does not know the revision of `first`. From here on its gateway has reached that revision.
    await second.find(id);
    const stage = await firstValueFrom(client.watchStages(id, { stage: 2 }));
    expect([stage.workers, stage.wait]).toEqual([[], { stage: 1, running: 0, wanted: 1 }]);
    await first.kill(id);
    await first.until(id, isJobOver, 'ends');
    expect(await berth('show')).not.toContain(sentence);
  });

  it('never reuse a worker number, even under another master', async () => {
    const id = await first.create(twoStages([1, 1]));
    await first.until(id, runs(2), 'runs');
    await cell.changeLeader();
    await cell.startMaster();
    await first.killTask(`${id}.1-0-0`);
    const job = await first.until(
      id,
      (now) => places(live(now, 1)).includes('1-0-1') && runs(2)(now),
      'runs again',
    );
    expect(job.tasks.map(numberOf).toSorted()).toEqual([1, 2, 3]);
    await first.kill(id);
  });

  it('show their stages in streams of any gateway, until they end', async () => {
    const id = await first.create(twoStages([1, 1]));
    await second.find(id);
    const shown = new Map<number, Stage>();
    const ended = new Promise<void>((resolve, reject) => {
      client.watchStages(id).subscribe({
        next: (stage) => shown.set(stage.number, stage),
        complete: resolve,
        error: reject,
      });
    });
    const running = (stage: number) =>
      shown.get(stage)?.workers.filter(({ state, address }) => state === State.RUNNING && address !== '') ??
      [];
    await waitFor(() => running(1).length === 1 && running(2).length === 1, {
      what: 'both stages are shown to run',
    });
    await client.updateStageInstances({ jobId: id, stage: 1, instances: { desired: 3 } });
    await waitFor(() => running(1).length === 3, { what: 'the growth is shown' });
    expect(running(1).map(({ index }) => index)).toEqual([0, 1, 2]);
    await first.kill(id);
    await ended;
    expect([...shown.values()].flatMap(({ workers }) => workers)).toEqual([]);
  });

  it('have at most one live job per user and type, even if gateways race', async () => {
    const typed = mantis([{ container: simulated() }], { jobSLA: { userProvidedType: 'orders' } });
    const ids = await Promise.all(
      [first, second, first, second, first, second].map((each) => each.create(typed)),
    );
    const [id = ''] = ids;
    expect(new Set(ids).size).toBe(1);
    await first.kill(id);
    const next = await second.create(typed);
    expect(next).not.toBe(id);
    expect(await first.create(typed)).toBe(next);
    await first.until(id, isJobOver, 'ends');
    expect(await first.create(typed)).toBe(next);
    await first.kill(next);
  });

  it('end at their runtime limit, counted from their submission', async () => {
    const id = await first.create(
      mantis([{ container: simulated() }, { container: simulated({ startDelayMs: 1_500 }) }], {
        jobSLA: { runtimeLimitSecs: 1 },
      }),
    );
    const job = await first.until(id, isJobOver, 'ends');
    expect([job.jobState?.state, codeIn(job)]).toEqual([State.FAILED, 'runtimeLimitExceeded']);
    // On a slow machine the second stage may not even have begun.
    expect(new Set(job.tasks.map(codeIn))).toEqual(new Set(['runtimeLimitExceeded']));
  });

  it('of the Transient kind live while they are observed, and end afterwards', async () => {
    const id = await first.create(
      mantis([{ container: simulated() }], { jobSLA: { durationType: 1 }, subscriptionTimeoutSecs: 1 }),
    );
    const unobserved = await first.create(
      mantis([{ container: simulated() }], { jobSLA: { durationType: 1 }, subscriptionTimeoutSecs: 1 }),
    );
    const stream = second.observeJob(id);
    await stream.until(({ kinds }) => kinds.includes('snapshotEnd'), 'begins');
    // The other one shows that a job's time without subscribers has passed.
    const over = await first.until(unobserved, isJobOver, 'ends for want of subscribers', 60_000);
    expect(over.jobState).toEqual({
      state: State.FINISHED,
      reason: 'killed: nobody has observed the job for 1 s',
    });
    expect(tasksIn(await first.find(id), State.RUNNING)).toHaveLength(1);
    stream.cancel();
    await first.until(id, isJobOver, 'ends for want of subscribers', 60_000);
  });
});

describe.skipIf(skipRedisTests !== false)('a stage that does not start to run', () => {
  let cell: TestCell;

  beforeAll(async () => {
    cell = await TestCell.start({ masters: 2, masterEnv: { BERTH_MASTER_STAGE_WAIT: '500ms' } });
  });
  afterAll(() => closeCleanly(cell));

  it('delays the later stages up to a limit, under any master', async () => {
    const caller = cell.caller();
    const id = await caller.create(
      mantis([{ container: tooLarge }, { container: tooLarge }, { container: simulated() }]),
    );
    await cell.changeLeader();
    const job = await caller.until(
      id,
      (now) => tasksIn(now, State.RUNNING).length === 1,
      'its last stage runs',
    );
    expect(places(tasksIn(job, State.RUNNING))).toEqual(['3-0-0']);
    const createdAtMs = Date.parse(job.stateChanges[0]?.timestamp ?? '');
    const waitedMs = [2, 3].map((stage) => {
      const [task] = live(job, stage);
      return Date.parse(task?.stateChanges[0]?.timestamp ?? '') - createdAtMs;
    });
    expect(waitedMs[0]).toBeGreaterThanOrEqual(500);
    expect(waitedMs[1]).toBeGreaterThanOrEqual(1000);
    await caller.kill(id);
  });
});
