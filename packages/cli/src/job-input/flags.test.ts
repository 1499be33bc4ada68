import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processIo } from '../terminal/io.js';
import { cli } from '../testing/harness.js';
import { readJob } from './job-input.js';

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-flags-'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('--env-file', () => {
  it('reads variables; those of -e come after them', async () => {
    const path = join(dir, 'variables');
    await writeFile(path, '# a comment\nA=1.10\n\nB=x=y z\r\nHOME_OF_TEST\nC=1\n');
    const io = { ...processIo(), env: { HOME_OF_TEST: '/home' } };
    const { descriptor } = await readJob(io, 'busybox:1', [], { envFile: [path], env: ['C=2'] });
    expect(descriptor.containers.main?.env).toEqual({ A: '1.10', B: 'x=y z', HOME_OF_TEST: '/home', C: '2' });
  });

  it('is refused if the file is missing', async () => {
    const { err, exitCode } = await cli(['submit', '--env-file', join(dir, 'nothing'), 'busybox:1']);
    expect(err[0]).toMatch(/nothing cannot be read: there is no such file/);
    expect(exitCode).toBe(2);
  });
});

describe('the flags of retries', () => {
  it.each([
    [{ retries: 'never' }, { 'berth.retries': 'never' }],
    [{ retries: '2', retryRuntimeLimit: true }, { 'berth.retryRuntimeLimit': 'true' }],
    [{}, {}],
  ])('%j become the labels %j', async (options, labels) => {
    const { descriptor } = await readJob(processIo(), 'busybox:1', [], options);
    expect(descriptor.labels).toEqual(labels);
  });
});

describe('a value at the edge of a flag', () => {
  it.each([
    [['--runtime-limit', '0'], '--runtime-limit: must be more than 0; without this field there is no limit'],
    [['--runtime-limit', '4000d'], '--runtime-limit: must be at most 3650d'],
    [['--runtime-limit', '-5s'], '--runtime-limit: must be a time such as 90s, 10m or 1h30m, not "-5s"'],
    [['--name', ''], '--name: must not be empty'],
    [
      ['--entrypoint', ''],
      "--entrypoint: must have a word; without this field the image's own entry point runs",
    ],
    [['-n', '-1'], '--instances -1: must be a whole number.'],
    [['-n', '1.5'], '--instances 1.5: must be a whole number.'],
    [['--retries', '99999999999'], '--retries: is too great'],
  ])('%j is refused', async (flags, problem) => {
    const { err, exitCode } = await cli(['submit', ...flags, 'busybox:1']);
    expect(err.map((line) => line.trim())).toContain(problem);
    expect(exitCode).toBe(2);
  });

  it('is named beside mistakes that no gateway sees', async () => {
    const { err } = await cli(['submit', '-n', 'x', '--cpu', '0', '--memory', '1', 'busybox:1']);
    expect(err.slice(1)).toEqual([
      '  --instances x: must be a whole number.',
      '  --cpu: must be greater than 0',
      '  --memory: is "1", but a container needs at least 7 MB',
    ]);
  });
});
