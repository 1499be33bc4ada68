import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shell } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';
import { expectTenJobs, instancesOf, leaderOf, registerTenRuns } from '../support/cells/ten-runs.js';

describe.skipIf(skipCellTests !== false)('schedules on a real Docker engine', () => {
  let cell: DockerCell;

  beforeAll(async () => {
    cell = await DockerCell.start({ counts: { master: 2 } });
  });
  afterAll(() => cell?.stop());

  it('start ten containers in ten seconds, one each second, although the leader is killed', async () => {
    const createdBefore = cell.events.created.length;
    const runs = await registerTenRuns(cell.caller, 'ten', shell('echo done > "$BERTH_RESULTS"'));
    await cell.until('three have fired', async () => (await instancesOf(cell.caller, 'ten')).length >= 3);
    await cell.local.kill(await leaderOf(cell.local));
    await expectTenJobs(cell.caller, runs);
    const instances = await instancesOf(cell.caller, 'ten');
    expect(instances.map(({ results }) => results)).toEqual(Array(10).fill(['done']));
    expect(cell.events.created.length - createdBefore).toBe(10);
  });
});
