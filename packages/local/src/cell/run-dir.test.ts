import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChild } from '../machine/child-process.js';
import { isRunning } from '../machine/process-id.js';
import { isAlive, joinUsers, leaveUsers, processName } from '../machine/users.js';
import { runsDir, sweepDeadRuns } from './cell-cleanup.js';
import { createRunDir, findDeadRuns } from './run-dir.js';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'berth-run-'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

/** Starts a child process that does not end by itself. */
function startSleeper(name: string) {
  return startChild({ name, command: 'sleep', args: ['60'], logFile: join(home, 'log') });
}

/** Returns the name of a process that has ended. */
async function nameOfDeadProcess(): Promise<string> {
  const child = spawn('sleep', ['60']);
  await new Promise((resolve) => child.once('spawn', resolve));
  const name = await processName(child.pid ?? 0);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  return name ?? '';
}

describe('processName', () => {
  it('distinguishes a process from a later one with the same id', async () => {
    const name = (await processName(process.pid)) ?? '';
    expect(await isAlive(name)).toBe(true);
    expect(await isAlive(`${process.pid}-1`)).toBe(false);
    expect(await isAlive(await nameOfDeadProcess())).toBe(false);
  });
});

describe('the users of a shared thing', () => {
  it('are all gone after the last has left', async () => {
    await joinUsers(home);
    expect(await leaveUsers(home)).toBe(true);
  });

  it('are not all gone while another process remains', async () => {
    const other = await startSleeper('other');
    await joinUsers(join(home, 'users'));
    await writeFile(join(home, 'users', (await processName(other.pid)) ?? ''), '');
    expect(await leaveUsers(join(home, 'users'))).toBe(false);
    await other.kill();
  });

  it('do not include killed processes', async () => {
    await joinUsers(home);
    await writeFile(join(home, await nameOfDeadProcess()), '');
    expect(await leaveUsers(home)).toBe(true);
  });
});

describe('a run of a cell', () => {
  it('is alive while its process runs', async () => {
    await createRunDir(runsDir(home));
    expect(await findDeadRuns(runsDir(home))).toEqual([]);
  });

  it('is found with its remains after its process was killed', async () => {
    const left = await startSleeper('left');
    const run = await createRunDir(runsDir(home));
    await run.noteProcess(left.pid);
    await run.noteContainers({ dockerHost: 'unix:///x', cell: 'local', agentId: 'agent-1' });
    await writeFile(join(run.path, 'owner'), await nameOfDeadProcess());
    expect(await findDeadRuns(runsDir(home))).toEqual([
      {
        path: run.path,
        pids: [left.pid],
        containers: [{ dockerHost: 'unix:///x', cell: 'local', agentId: 'agent-1' }],
      },
    ]);
    await left.kill();
  });

  it('is removed by a sweep after its process was killed, with its child processes', async () => {
    const left = await startSleeper('left');
    const run = await createRunDir(runsDir(home));
    await run.noteProcess(left.pid);
    await writeFile(join(run.path, 'owner'), await nameOfDeadProcess());
    await sweepDeadRuns(home);
    expect((await left.exited).signal).toBe('SIGKILL');
    expect(await isRunning(left.pid)).toBe(false);
    expect(await findDeadRuns(runsDir(home))).toEqual([]);
  });
});
