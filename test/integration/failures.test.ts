import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { status } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { expectAgreement } from '../support/callers/agreement.js';
import type { CheckedStream } from '../support/callers/checked-stream.js';
import {
  batch,
  codeIn,
  isJobOver,
  ownPart,
  runs,
  service,
  simulated,
  stateOf,
} from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell, type TestCellOptions } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const lively: TestCellOptions = {
  masterEnv: { BERTH_MASTER_KILL_GRACE: '200ms' },
  agentEnv: { BERTH_AGENT_RESYNC: '500ms' },
};
/** Agents count as lost after a short time. Only tests that lose an agent use this. */
const impatient: TestCellOptions = {
  masterEnv: { BERTH_AGENT_TIMEOUT: '1500ms', BERTH_MASTER_KILL_GRACE: '200ms' },
  agentEnv: {
    BERTH_AGENT_HEARTBEAT: '100ms',
    BERTH_AGENT_RUNTIME_SILENCE: '500ms',
    BERTH_AGENT_RESYNC: '500ms',
  },
};

describe.skipIf(skipRedisTests !== false)('a cell that loses a part of itself', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  const start = async (options: TestCellOptions = {}) => {
    cell = await TestCell.start({ ...lively, ...options });
    caller = cell.caller();
  };
  afterEach(() => closeCleanly(cell));

  const isLive = ({ model }: CheckedStream) => model.isLive;
  const isOver = (id: string) => (stream: CheckedStream) => stream.model.jobs.get(id)?.isFinished === true;
  /** Submits a batch and watches it. Its tasks run for the given time, or until they are ended. */
  const working = async (tasks: number, runMs?: number) => {
    const stream = caller.observeJobs();
    await stream.until(isLive, 'the snapshot is over');
    const id = await caller.create(
      batch(simulated({ startDelayMs: 50, ...(runMs === undefined ? {} : { runMs }) }), { tasks }),
    );
    const someRun = ({ tasks: observed }: CheckedStream) =>
      [...observed.values()].some((task) => stateOf(task) === State.RUNNING);
    await stream.until(someRun, 'some tasks run');
    return { stream, id };
  };
  /** Expects a finished batch: each task ran once, and none failed because of the disturbance. */
  const expectDone = async (id: string, tasks: number) => {
    const job = await caller.until(id, isJobOver, 'ends', 40_000);
    expect(job.jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
    expect(job.tasks.map(ownPart).sort()).toEqual(
      Array.from({ length: tasks }, (_, slot) => `${slot}-0`).sort(),
    );
    await waitFor(async () => (await cell.containers()) === 0, { what: 'all containers are removed' });
  };

  it('continues under the next master, several times, and loses or repeats nothing', async () => {
    await start({
      masters: 3,
      masterEnv: { ...lively.masterEnv, BERTH_MASTER_MAX_NOT_RUNNING_PER_JOB: '10' },
    });
    const { stream, id } = await working(60, 100);
    await cell.changeLeader();
    await cell.startMaster();
    await cell.changeLeader();
    await expectDone(id, 60);
    await stream.until(isOver(id), 'the stream reports the end');
    await expectAgreement(stream, caller, id);
    stream.cancel();
  });

  it('accepts jobs without a master, and runs them once a master leads', async () => {
    await start({ masters: 1 });
    await cell.stopMaster();
    const id = await caller.create(batch(simulated({ runMs: 10 }), { tasks: 3 }));
    const doomed = await caller.create(batch(simulated(), { tasks: 3 }));
    await caller.kill(doomed);
    expect((await caller.find(id)).jobState?.state).toBe(State.QUEUED);
    await cell.startMaster();
    await expectDone(id, 3);
    const killed = await caller.until(doomed, isJobOver, 'ends');
    expect([killed.jobState?.reason, killed.tasks]).toEqual(['killed', []]);
  });

  it('learns from a restarted agent the ends of the containers that it had left', async () => {
    await start();
    const { stream, id } = await working(8);
    const { tasks: batchTasks } = await caller.until(id, runs(8), 'runs');
    const lasting = await caller.create(service(simulated(), { tasks: 4 }));
    const running = (await caller.until(lasting, runs(4), 'runs')).tasks.map((task) => task.id);
    const failing = await caller.create(batch(simulated()));
    const { tasks: doomed } = await caller.until(failing, runs(1), 'runs');
    await cell.stopAgents();
    for (const task of batchTasks) cell.finish(task);
    for (const task of doomed) cell.finish(task, 5);
    expect(await cell.hasExited(8 + 1)).toBe(true);
    await cell.startAgents();
    await stream.until(isOver(id), 'the stream reports the end');
    const { tasks } = await caller.until(failing, isJobOver, 'ends');
    expect(tasks.map(({ state }) => state?.reason)).toEqual(['failed: exit code 5']);
    expect((await caller.find(lasting)).tasks.map((task) => task.id)).toEqual(running);
    expect(runs(4)(await caller.find(lasting))).toBe(true);
    await caller.kill(lasting);
    await expectDone(id, 8);
    stream.cancel();
  });

  it('replaces the tasks of a lost host, and removes its old containers when it is back', async () => {
    await start(impatient);
    const id = await caller.create(service(simulated(), { tasks: 4 }));
    const before = (await caller.until(id, runs(4), 'runs')).tasks;
    const lost = before[0]?.taskContext['agent.id'] ?? '';
    const victims = before
      .filter(({ taskContext }) => taskContext['agent.id'] === lost)
      .map((task) => task.id);
    const engine = cell.engines.engineOf(lost);
    engine.goDown();
    const job = await caller.until(
      id,
      (now) =>
        runs(4)(now) &&
        victims.every((victim) =>
          now.tasks.some(({ taskContext }) => taskContext['task.resubmitOf'] === victim),
        ),
      'has replaced them',
    );
    for (const task of job.tasks.filter((each) => victims.includes(each.id))) {
      expect([stateOf(task), codeIn(task)]).toEqual([State.FAILED, 'agentLost']);
    }
    const live = job.tasks.filter((task) => !isTerminal(stateOf(task)));
    expect(live.every(({ taskContext }) => taskContext['agent.id'] !== lost)).toBe(true);
    engine.comeBack();
    await waitFor(async () => (await engine.list()).length === 0, { what: 'the host is cleared up' });
    expect(runs(4)(await caller.find(id))).toBe(true);
    await caller.kill(id);
    await caller.until(id, isJobOver, 'ends');
  });

  it('keeps acknowledged writes if Redis is killed in the middle of the work', async () => {
    await start({ gateways: 2, masters: 2 });
    const { stream, id } = await working(40, 400);
    await cell.redis.kill();
    const early = caller.create(batch(simulated({ runMs: 10 })), {
      headers: { 'idempotency-key': 'early' },
      deadlineMs: 30_000,
    });
    await cell.redis.restart();
    await expectDone(id, 40);
    await expectDone(await early, 1);
    await stream.until(isOver(id), 'the stream reports the end');
    await expectAgreement(stream, caller, id);
    stream.cancel();
  });

  it('answers reads while Redis is away, refuses writes with UNAVAILABLE in time, and gives the reason on /healthz', async () => {
    await start({ commitTimeoutMs: 1_000 });
    const id = await caller.create(service(simulated(), { tasks: 2 }));
    await caller.until(id, runs(2), 'runs');
    await cell.redis.kill();
    expect(runs(2)(await caller.find(id))).toBe(true);
    await expect(caller.create(batch(simulated()), { deadlineMs: 30_000 })).rejects.toMatchObject({
      code: status.UNAVAILABLE,
      details: expect.stringMatching(/Redis/),
    });
    const health = await cell.health();
    expect([health.status, health.text]).toEqual([503, expect.stringContaining('change log')]);
    await cell.redis.restart();
    await waitFor(async () => (await cell.health()).status === 200, { what: 'the gateway is well again' });
    // Each connection to Redis recovers in its own time. The log's connection, which decides about health,
    // may be the first.
    const kill = () =>
      caller.kill(id).then(
        () => true,
        (error: { code?: status }) => {
          if (error.code !== status.UNAVAILABLE) throw error;
          return false;
        },
      );
    await waitFor(kill, { what: 'writes are taken again' });
    await caller.until(id, isJobOver, 'ends');
  });
});
