import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { JobManagementServiceService as methods } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CheckedStream } from '../support/callers/checked-stream.js';
import { batch, isJobOver, runs, service, simulated } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

describe.skipIf(skipRedisTests !== false)('a cell whose Redis is emptied', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  beforeEach(async () => {
    cell = await TestCell.start({
      gateways: 2,
      masters: 2,
      agentEnv: { BERTH_AGENT_RESYNC: '500ms', BERTH_AGENT_HEARTBEAT: '200ms' },
    });
    caller = cell.caller();
  });
  afterEach(async () => {
    await cell.close();
    const held = /the agent holds|lost acknowledged commits/;
    expect(cell.errors().filter((line) => !held.test(line))).toEqual([]);
  });

  const isLive = ({ model }: CheckedStream) => model.isLive;
  const hold = () =>
    waitFor(() => cell.errors().some((line) => line.includes('the agent holds')), { what: 'agents hold' });
  const startTimes = async (taskIds: readonly string[]) => {
    const found = await Promise.all(
      cell.agentIds.flatMap((id) => taskIds.map((taskId) => cell.engines.engineOf(id).inspect(taskId))),
    );
    return found
      .flatMap((each) => each ?? [])
      .map(({ taskId, state, startedAtMs }) => [taskId, state, startedAtMs]);
  };
  const startService = async () => {
    const id = await caller.create(service(simulated(), { tasks: 3 }));
    const { tasks } = await caller.until(id, runs(3), 'runs');
    return { id, taskIds: tasks.map((task) => task.id) };
  };

  it('stops no container, and goes on with the same ones when its data is back', async () => {
    const { id, taskIds } = await startService();
    const before = await startTimes(taskIds);
    expect(before).toHaveLength(3);
    const files = join(cell.redis.dir, 'appendonlydir');
    const backup = `${files}.backup`;
    await cp(files, backup, { recursive: true });
    expect(await cell.redis.command('FLUSHALL')).toMatch(/^\+OK/);
    await hold();
    // The gateway may still be reading the new state.
    const create = () => caller.create(batch(simulated({ runMs: 20 }))).catch(() => undefined);
    const stopped = (await waitFor(create, { what: 'the gateway takes a job' })) ?? '';
    await waitFor(async () => (await caller.find(stopped)).tasks.length > 0, { what: 'a master leads anew' });
    expect(await startTimes(taskIds)).toEqual(before);
    await cell.redis.kill();
    await rm(files, { recursive: true });
    await cp(backup, files, { recursive: true });
    await cell.redis.restart();
    await waitFor(() => cell.lines.some(({ msg }) => String(msg).includes('the agent goes on')), {
      what: 'agents go on',
    });
    await caller.until(id, runs(3), 'runs as before');
    const more = await caller.create(batch(simulated({ runMs: 20 }), { tasks: 5 }));
    await caller.until(more, isJobOver, 'ends', 40_000);
    expect(await startTimes(taskIds)).toEqual(before);
    expect((await caller.find(id)).tasks.map((task) => task.id)).toEqual(taskIds);
  });

  it('tells its observers that the jobs are gone, and starts afresh if the operator says so', async () => {
    const { id, taskIds } = await startService();
    const streams = [cell.caller(1).observeJob(id), cell.caller(1).observeJobs()];
    for (const stream of streams) await stream.until(isLive, 'the snapshot is over');
    expect(await cell.redis.command('FLUSHALL')).toMatch(/^\+OK/);
    for (const stream of streams) {
      // That the job had finished would not be true.
      expect(await stream.ended()).toBe(status.ABORTED);
      expect(stream.kinds).not.toContain('jobFinished');
    }
    await waitFor(
      async () =>
        (await caller.failure(methods.findJob, { id }).catch(() => undefined))?.status === status.NOT_FOUND,
      { what: 'the old job is gone' },
    );
    await hold();
    const cellId = await waitFor(
      async () => /([0-9a-f-]{36})/.exec(await cell.redis.command('HGET', 'berth:{test}:cell', 'id'))?.[1],
      { what: 'the new cell has an id' },
    );
    expect(await startTimes(taskIds)).toHaveLength(3);
    await cell.stopAgents();
    await cell.startAgents({ BERTH_AGENT_ADOPT_CELL: cellId });
    await waitFor(async () => (await cell.containers()) === 0, { what: 'the old containers are removed' });
    const more = await caller.create(batch(simulated({ runMs: 20 }), { tasks: 5 }));
    await caller.until(more, isJobOver, 'ends', 40_000);
  });
});
