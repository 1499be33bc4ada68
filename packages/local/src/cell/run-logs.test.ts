import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processName } from '../machine/users.js';
import { openRunLogs } from './run-logs.js';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-logs-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the logs of a run', () => {
  it('stay while their run lives, and are removed afterwards', async () => {
    const other = spawn('sleep', ['60']);
    const name = (await processName(other.pid ?? -1)) ?? '';
    const log = join(dir, name, 'master.log');
    await mkdir(join(dir, name));
    await writeFile(log, 'leads');
    const own = await openRunLogs(dir);
    expect(await readFile(log, 'utf8')).toBe('leads');
    expect((await readdir(dir)).sort()).toEqual([basename(own), name].sort());
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(await openRunLogs(dir)).toBe(own);
    expect(await readdir(dir)).toEqual([basename(own)]);
  });

  it('replace everything that no run owns', async () => {
    await writeFile(join(dir, 'api.log'), 'old');
    const own = await openRunLogs(join(dir));
    expect(await readdir(dir)).toEqual([basename(own)]);
    expect(await readdir(own)).toEqual([]);
  });
});
