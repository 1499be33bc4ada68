import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { labelNames } from '@berth/agent/labels';
import { dockerClient } from '@berth/local/engine/docker-client';
import { repoRoot } from '@berth/local/machine/paths';
import { describe, expect, it } from 'vitest';
import { skipCellTests } from '../support/cells/docker-cell.js';
import { testDockerHost } from '../support/engine/docker.js';
import { waitFor } from '../support/process/wait-for.js';

/** The effects of `npm start` after set-up, as a person at a terminal sees them. */
describe.skipIf(skipCellTests !== false)('the demo', () => {
  const main = join(repoRoot, 'packages/local/dist/main.js');

  const start = (...args: string[]) => {
    const cell = `demo-${randomBytes(4).toString('hex')}`;
    const env = { ...process.env, BERTH_CELL: cell, BERTH_REDIS_URL: '' };
    const child = spawn(process.execPath, [main, 'start', ...args], { env });
    let printed = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (data: string) => {
        printed += data;
      });
    }
    const exited = once(child, 'exit').then(([code]) => code as number | null);
    return { cell, child, exited, printed: () => printed };
  };
  const containersOf = async (cell: string) => {
    const filters = { label: [`${labelNames.cell}=${cell}`] };
    return dockerClient(testDockerHost ?? '').listContainers({ all: true, filters });
  };
  /** Processes that were started for the cell, by its name in their environment. */
  const processesOf = async (cell: string) => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const isOurs = async (pid: string) =>
      (await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')).includes(`BERTH_CELL=${cell}\0`);
    const ours = await Promise.all(pids.map(isOurs));
    return pids.filter((_, index) => ours[index]);
  };
  const expectNothingLeft = async (cell: string) => {
    expect(await containersOf(cell)).toEqual([]);
    expect(await processesOf(cell)).toEqual([]);
  };

  it('runs a batch to its end, replaces a service task, and ends with 0 in a single run', async () => {
    const { cell, exited, printed } = start('--once');
    expect(await exited, printed()).toBe(0);
    const lines = printed().split('\n');
    expect(lines).toContain(
      `The cell "${cell}" is up after ${/is up after (\S+) s/.exec(printed())?.[1]} s.`,
    );
    expect(lines.filter((line) => /demo-batch: task \d-0 {2}FINISHED {4}normal/.test(line))).toHaveLength(5);
    expect(lines).toContain('  demo-batch: the job is FINISHED');
    const victim = /demo-service: killing \S+\.(\S+)/.exec(printed())?.[1];
    expect(printed()).toMatch(new RegExp(`task ${victim} {2}FINISHED {4}killed`));
    expect(printed()).toMatch(new RegExp(`RUNNING {7}replaces ${victim}`));
    expect(lines).toContain('  demo-service: its replacement is RUNNING');
    await expectNothingLeft(cell);
  });

  it('stays up until Ctrl-C, prints the next commands to try, and leaves nothing behind', async () => {
    const { cell, child, exited, printed } = start();
    await waitFor(() => printed().includes('Ctrl-C ends the cell'), {
      what: 'the demo is over',
      timeoutMs: 120_000,
      intervalMs: 50,
    });
    expect(printed()).toMatch(/npx berth ps .*\n.*npx berth observe /);
    expect(await containersOf(cell)).toHaveLength(2);
    child.kill('SIGINT');
    expect(await exited, printed()).toBe(0);
    await expectNothingLeft(cell);
  });
});
