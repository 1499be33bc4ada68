import { cli } from '@berth/cli/testing/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runs, service, simulated } from '../support/callers/jobs.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

describe.skipIf(skipRedisTests !== false)('berth on archived jobs and tasks', () => {
  let cell: TestCell;
  beforeAll(async () => {
    cell = await TestCell.start({ masterEnv: { BERTH_MASTER_FINISHED_RETENTION: '1s' } });
  });
  afterAll(() => closeCleanly(cell));

  const berth = (...args: string[]) => cli([...args, '--address', cell.address()]);

  it('finds tasks and jobs by their full ids, and explains why a prefix finds nothing', async () => {
    const caller = cell.caller();
    const id = await caller.create(service(simulated(), { tasks: 1 }));
    await caller.until(id, runs(1), 'runs');
    const first = `${id}.0-0`;
    expect((await berth('kill', first)).exitCode).toBe(0);
    const isListed = async (what: string) => (await berth('ps', '-a', id)).out.join().includes(what);
    // The first attempt leaves the lists, although its job is still live.
    await waitFor(async () => !(await isListed(first)), { what: 'the first task to be archived' });
    expect((await berth('show', first)).out[0]).toBe(`Task     ${first}`);
    expect((await berth('kill', first)).err).toEqual([
      `${first}  not killed: The task has ended already: it is FINISHED.`,
    ]);

    await berth('kill', id);
    const beginning = id.slice(0, -2);
    await waitFor(async () => (await berth('show', beginning)).exitCode !== 0, {
      what: 'the job to be archived',
    });
    const { err } = await berth('show', beginning);
    expect(err.join()).toMatch(/There is no job .* a full id also searches the archive/);
    expect((await berth('show', id)).out[0]).toBe(`Job      ${id}`);
    expect((await berth('show', first)).exitCode).toBe(0);
    expect((await berth('kill', id)).err.join()).toContain('The job has ended already');
  });
});
