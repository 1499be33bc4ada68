import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startChild } from './child-process.js';
import { withFileLock } from './file-lock.js';
import { waitUntil } from './wait-until.js';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-child-'));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

function shell(script: string) {
  return startChild({
    name: 'sh',
    command: 'sh',
    args: ['-c', script],
    logFile: join(dir, 'logs', 'sh.log'),
  });
}

function logged(text: string): () => Promise<boolean> {
  return async () => (await readFile(join(dir, 'logs', 'sh.log'), 'utf8')).includes(text);
}

describe('a child process', () => {
  it('writes its output to its log and reports its exit code', async () => {
    const child = await shell('echo out; echo err >&2; exit 3');
    expect(await child.exited).toEqual({ code: 3, signal: null });
    expect(await readFile(child.logFile, 'utf8')).toBe('out\nerr\n');
  });

  it('ends at SIGTERM if it handles the signal', async () => {
    const child = await shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done");
    await waitUntil(logged('ready'), { what: 'the shell is ready', timeoutMs: 5_000 });
    expect(await child.stop(10_000)).toEqual({ code: 7, signal: null });
  });

  it('is killed if it does not end within the grace after SIGTERM', async () => {
    const child = await shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
    await waitUntil(logged('ready'), { what: 'the shell is ready', timeoutMs: 5_000 });
    expect(await child.stop(50)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('can be stopped again after its end', async () => {
    const child = await shell('exit 0');
    await child.exited;
    expect(await child.stop(1_000)).toEqual({ code: 0, signal: null });
  });

  it('is an error if the command cannot be started', async () => {
    const starting = startChild({
      name: 'no',
      command: '/no/such/program',
      args: [],
      logFile: join(dir, 'no.log'),
    });
    await expect(starting).rejects.toThrow(/ENOENT/);
  });
});

describe('waitUntil', () => {
  it('names the awaited condition in its error', async () => {
    const waiting = waitUntil(() => false, { what: 'the tide', timeoutMs: 30, everyMs: 5 });
    await expect(waiting).rejects.toThrow('the tide: not after 30 ms');
  });

  it('ends with its signal', async () => {
    const waiting = waitUntil(() => false, {
      what: 'x',
      timeoutMs: 60_000,
      signal: AbortSignal.abort(new Error('enough')),
    });
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('withFileLock', () => {
  it('lets one process in at a time', async () => {
    const lock = join(dir, 'x.lock');
    let inside = 0;
    let most = 0;
    const visit = () =>
      withFileLock(lock, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside -= 1;
      });
    await Promise.all([visit(), visit(), visit()]);
    expect(most).toBe(1);
  });

  it('is free again after its work has failed', async () => {
    const lock = join(dir, 'x.lock');
    await expect(withFileLock(lock, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
    expect(await withFileLock(lock, async () => 'in')).toBe('in');
  });
});
