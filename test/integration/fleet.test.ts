import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectAgreement } from '../support/callers/agreement.js';
import { batch, codeIn, isJobOver, runs, service, simulated, stateOf } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const agents = 2_000;
const tasks = 4_000;
const timeoutMs = 50_000;

describe.skipIf(skipRedisTests !== false)(`a cell of ${agents} agents`, () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    // Room for two tasks on each host, so that every agent has to take part.
    const host = { cpuMillis: 2_000, memoryMb: 2_048 };
    cell = await TestCell.start({
      agents,
      gateways: 2,
      masters: 2,
      host,
      masterEnv: { BERTH_MASTER_MAX_NOT_RUNNING_PER_JOB: '4000' },
    });
    caller = cell.caller();
  });
  afterAll(() => closeCleanly(cell));

  const oneCore = (behaviour: Parameters<typeof simulated>[0]) => ({
    ...simulated(behaviour),
    resources: { cpu: '1', memory: '1024' },
  });

  it(`brings a batch job of ${tasks} tasks to its end, each task once, all watched over one stream`, async () => {
    const stream = cell.caller(1).observeJobs();
    const id = await caller.create(batch(oneCore({ runMs: 1_000 }), { tasks }));
    await stream.until(({ model }) => model.jobs.get(id)?.isFinished === true, 'the job ends', timeoutMs);
    const job = await caller.find(id);
    expect(job.jobState).toEqual({ state: State.FINISHED, reason: 'normal' });
    expect(job.tasks).toHaveLength(tasks);
    expect(job.tasks.every((task) => stateOf(task) === State.FINISHED && codeIn(task) === 'normal')).toBe(
      true,
    );
    expect(new Set(job.tasks.map(({ taskContext }) => taskContext['task.index'])).size).toBe(tasks);
    await expectAgreement(stream, caller, id);
    stream.cancel();
  });

  it('packs no agent beyond its resources, and uses all agents', async () => {
    const id = await caller.create(service(oneCore({}), { tasks: 2 * agents }));
    const job = await caller.until(id, runs(2 * agents), 'fills all agents', timeoutMs);
    const perAgent = new Map<string, number>();
    for (const { taskContext } of job.tasks) {
      const agent = taskContext['agent.id'] ?? '';
      perAgent.set(agent, (perAgent.get(agent) ?? 0) + 1);
    }
    expect(perAgent.size).toBe(agents);
    expect([...perAgent.values()].every((count) => count === 2)).toBe(true);
    await caller.kill(id);
    const end = await caller.until(id, isJobOver, 'ends', timeoutMs);
    expect(end.tasks.every((task) => codeIn(task) === 'killed')).toBe(true);
    await waitFor(async () => (await cell.containers()) === 0, { what: 'all containers are removed' });
  });
});
