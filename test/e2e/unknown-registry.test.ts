import { cli } from '@berth/cli/testing/harness';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, isJobOver, retries, stateOf } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';

const image = 'registry.invalid/x:1';

describe.skipIf(skipCellTests !== false)('an image of a registry that does not exist', () => {
  let cell: DockerCell;

  beforeAll(async () => {
    cell = await DockerCell.start();
  });
  afterAll(() => cell?.stop());

  const berth = (...args: readonly string[]) => cli(['--address', cell.local.api.grpc, ...args]);

  it('ends `berth run` by its retries, and the reason names the registry and the credentials', async () => {
    const { exitCode, out } = await berth('run', '--retries', '1', image, '--', 'true');
    expect(exitCode).toBe(125);
    expect(out.join('\n')).toMatch(
      /FAILED +invalidRequest: the image registry\.invalid\/x:1 cannot be pulled: .*\(registry registry\.invalid.*credentials/,
    );
  });

  it('does not make other jobs avoid the agent', async () => {
    const listed = await berth('agents');
    expect(listed.out.join('\n')).not.toContain('avoided');
  });

  it('ends a batch job, so that a schedule with the policy forbid goes on', async () => {
    const descriptor = batch({ image: { name: image } }, { retryPolicy: retries(1) });
    const id = await cell.caller.create(descriptor);
    const job = await cell.until('the job ends', async () => {
      const found = await cell.caller.find(id);
      return isJobOver(found) && found;
    });
    expect(job.jobState?.state).toBe(State.FAILED);
    expect(job.tasks.map(stateOf)).toEqual(job.tasks.map(() => State.FAILED));
    expect(job.tasks.length).toBeLessThanOrEqual(4);
  });
});
