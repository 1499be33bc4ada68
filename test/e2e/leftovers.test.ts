import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { batch, runs, service, shell } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';

describe.skipIf(skipCellTests !== false)('a cell that is stopped', () => {
  const isAlive = (pid: number) => existsSync(`/proc/${pid}`);

  it('leaves no containers, processes or files behind', async () => {
    const cell = await DockerCell.start({ counts: { api: 2, master: 2, agent: 2 } });
    const lasting = await cell.caller.create(service(shell('exec sleep 600'), { tasks: 4 }));
    await cell.until('the service runs', async () => runs(4)(await cell.caller.find(lasting)));
    // Some of these are being started at the moment of the end.
    await cell.caller.create(batch(shell('exec sleep 600'), { tasks: 6 }));
    const names = cell.local.names();
    expect(names).toEqual(['redis', 'api', 'api-2', 'master', 'master-2', 'agent', 'agent-2']);
    const pids = names.map((name) => cell.local.pid(name) ?? 0);
    expect(pids.every(isAlive)).toBe(true);
    await cell.stop();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(await cell.containers()).toEqual([]);
    expect(existsSync(cell.home)).toBe(false);
  });

  it('can be stopped even if some of its processes have died before', async () => {
    const cell = await DockerCell.start();
    const id = await cell.caller.create(service(shell('exec sleep 600')));
    await cell.until('the service runs', async () => runs(1)(await cell.caller.find(id)));
    await Promise.all(['redis', 'agent'].map((name) => cell.local.kill(name)));
    await cell.stop();
    expect(await cell.containers()).toEqual([]);
  });
});
