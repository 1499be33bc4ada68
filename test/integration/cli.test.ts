import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CliOptions, cli } from '@berth/cli/testing/harness';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';
import { type CliCell, startCliCell } from './cli-cell.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const isBuilt = existsSync(`${root}packages/cli/dist/main.js`);

/** The environment of a simulated container controls its behaviour. */
const sim = (runMs: number, exitCode = 0) =>
  [
    ['-e', `BERTH_SIM_RUN_MS=${runMs}`],
    ['-e', `BERTH_SIM_EXIT_CODE=${exitCode}`],
  ].flat();

describe.skipIf(skipRedisTests !== false)('the command line on a whole cell', () => {
  let cell: CliCell;
  beforeAll(async () => {
    cell = await startCliCell();
  });
  afterAll(() => cell?.close());

  const berth = (args: readonly string[], options?: CliOptions) =>
    cli([...args, '--address', cell.address], options);
  const submit = async (...args: string[]) => (await berth(['submit', ...args])).out[0] ?? '';
  const json = async (...args: string[]) => JSON.parse((await berth([...args, '-o', 'json'])).out.join('\n'));
  const showsRunning = (id: string, count: number) =>
    waitFor(async () => (await json('ps', id, '-s', 'RUNNING')).length === count, {
      what: `${count} tasks to run`,
    });

  it('runs a job to its end', async () => {
    const { exitCode, out } = await berth(['run', '-n', '3', '--name', 'three', ...sim(1000), 'web:1']);
    expect(exitCode).toBe(0);
    expect(out.at(-1)).toMatch(/^job \S+ FINISHED \(3 finished, 0 failed\) after/);
    for (const slot of [0, 1, 2]) expect(out.some((line) => line.includes(`${slot}-0  RUNNING`))).toBe(true);
  });

  it('submits a job with stages, scales one of them and shows them all', async () => {
    const file = `
      name: pipeline
      stages:
        - {image: 'web:1', instances: 1}
        - {image: 'web:1', instances: {max: 5, desired: 2}}
    `;
    const { out } = await berth(['submit', '-f', '-'], { input: file });
    const id = out[0] ?? '';
    await showsRunning(id, 3);
    expect((await berth(['scale', id, '3'])).err.join()).toMatch(/--stage is required/);
    expect((await berth(['scale', id, '3', '--stage', '2'])).exitCode).toBe(0);
    await showsRunning(id, 4);
    const shown = (await berth(['show', id])).out.map((line) => line.trim().split(/ {2,}/));
    expect(shown).toContainEqual(['1', 'stage-1', '1/1', '0', '-', '-']);
    expect(shown).toContainEqual(['2', 'stage-2', '3/3', '0', '5', '-']);
    expect((await berth(['ps', id])).out[0]).toMatch(/^TASK +STAGE +INDEX +NUMBER +STATE/);
    expect((await berth(['kill', id])).exitCode).toBe(0);
  });

  it('exits with the exit code of the container', async () => {
    const { exitCode, out } = await berth(['run', '-n', '2', ...sim(20, 7), 'web:1']);
    expect(out.at(-1)).toMatch(/FAILED failed: 2 of 2 tasks failed/);
    expect(exitCode).toBe(7);
  });

  it('exits with 124 when the runtime limit was exceeded', async () => {
    const { exitCode } = await berth(['run', '--runtime-limit', '1s', ...sim(60_000), 'web:1']);
    expect(exitCode).toBe(124);
  });

  it('exits with 137 when a task ran out of memory', async () => {
    const { exitCode } = await berth([
      'run',
      '-e',
      'BERTH_SIM_FAIL=oom',
      '-e',
      'BERTH_SIM_RUN_MS=10',
      'web:1',
    ]);
    expect(exitCode).toBe(137);
  });

  it('retries the given number of times', async () => {
    const { out, exitCode } = await berth(['run', '--retries', '2', ...sim(10, 1), 'web:1']);
    expect(exitCode).toBe(1);
    expect(out.filter((line) => /0-[012] {2}FAILED/.test(line))).toHaveLength(3);
  });

  it('follows a job over the end of its gateway', async () => {
    const restarts: Promise<void>[] = [];
    const onLine: CliOptions['onLine'] = (line) => {
      if (line.includes('0-0  RUNNING')) restarts.push(cell.restartGateway());
    };
    const { exitCode, err, out } = await berth(['run', ...sim(2_000), 'web:1'], { onLine });
    await Promise.all(restarts);
    expect(err[0]).toMatch(/Trying again/);
    expect(out.filter((line) => line.includes('0-0  RUNNING'))).toHaveLength(1);
    expect(exitCode).toBe(0);
  });

  it('submits, lists, shows, scales and kills a service', async () => {
    const id = await submit('--service', '-n', '2', '-l', 'team=cli', '-p', '8080', 'web:1');
    await showsRunning(id, 2);
    const { out: jobs } = await berth(['ps', '-l', 'team=cli']);
    expect(jobs[1]).toMatch(new RegExp(`^${id} +web +service +RUNNING +2/2 `));
    const { out: tasks } = await berth(['ps', id]);
    expect(tasks[1]).toMatch(new RegExp(`^${id}.0-0 +RUNNING .* 8080→\\d+`));

    expect((await berth(['scale', id, '3'])).exitCode).toBe(0);
    await showsRunning(id, 3);
    expect((await berth(['show', id])).out.join('\n')).toMatch(/Type +service, 3 wanted/);

    expect((await berth(['kill', `${id}.1`])).exitCode).toBe(0);
    await waitFor(
      async () =>
        (await json('ps', id, '-s', 'RUNNING')).some((task: { id: string }) => task.id === `${id}.1-1`),
      {
        what: 'the replacement of the killed task',
      },
    );
    expect((await json('show', `${id}.1-1`)).taskContext['task.resubmitOf']).toBe(`${id}.1-0`);

    expect((await berth(['kill', id])).exitCode).toBe(0);
    const { out: end, exitCode } = await berth(['observe', id]);
    expect(end.at(-1)).toContain('job ended');
    expect(exitCode).toBe(0);
    expect((await json('show', id)).jobState).toEqual({ state: 'FINISHED', reason: 'killed' });
  });

  it('counts tasks by the given fields, until Ctrl-C', async () => {
    const id = await submit('--service', '-n', '2', '--name', 'counted', ...sim(60_000), 'web:1');
    await showsRunning(id, 2);
    const args = ['observe', id, '--count-by', 'state,appName', '-o', 'json'];
    const { out, exitCode } = await berth(args, { onLine: (_line, interrupt) => interrupt() });
    expect(JSON.parse(out[0] ?? '')).toEqual({ state: 'RUNNING', appName: 'counted', tasks: 2 });
    expect(exitCode).toBe(130);
    const refused = await berth(['observe', '--count-by', 'colour']);
    expect(refused.err.join('\n')).toContain('count_tasks_by[0]');
    await berth(['kill', id]);
  });

  it('exits with 143 if somebody else killed the job', async () => {
    const kills: Promise<unknown>[] = [];
    const onLine: CliOptions['onLine'] = (line) => {
      const id = /"RUNNING"/.test(line) ? /"id":"([0-9a-f-]{36})\.0-0"/.exec(line)?.[1] : undefined;
      if (id !== undefined && kills.length === 0) kills.push(berth(['kill', id]));
    };
    const { exitCode } = await berth(['run', '-o', 'json', ...sim(60_000), 'web:1'], { onLine });
    await Promise.all(kills);
    expect(exitCode).toBe(143);
  });

  it('kills the job on Ctrl-C with --kill-on-interrupt', async () => {
    const onLine: CliOptions['onLine'] = (line, interrupt) => line.includes('0-0  RUNNING') && interrupt();
    const { exitCode, out } = await berth(['run', '--kill-on-interrupt', ...sim(60_000), 'web:1'], {
      onLine,
    });
    expect(out.at(-1)).toMatch(/FINISHED killed/);
    expect(exitCode).toBe(130);
  });

  it('names all mistakes in a job', async () => {
    const { err, exitCode } = await berth([
      'submit',
      '--cpu',
      '0',
      '--memory',
      'lots',
      '-l',
      'titus.x=1',
      'Not An Image',
    ]);
    expect(exitCode).toBe(2);
    expect(err[0]).toBe('berth: the gateway refuses the request:');
    const fields = err.slice(1).map((line) => line.trim().split(': ')[0]);
    expect(fields.sort()).toEqual(['--cpu', '--label titus.x', '--memory', 'image']);
  });

  it('accepts its own output of show as a job file', async () => {
    const id = await submit(...sim(10), '-l', 'a=b', 'web:1');
    const { jobDescriptor } = await json('show', id);
    const again = await berth(['submit', '-f', '-'], { input: JSON.stringify(jobDescriptor) });
    expect((await json('show', again.out[0] ?? '')).jobDescriptor).toEqual(jobDescriptor);
  });

  it.skipIf(!isBuilt)('is a program of its own', async () => {
    const run = promisify(execFile);
    const args = [`${root}packages/cli/bin/berth.mjs`, '--address', cell.address];
    const { stdout } = await run(process.execPath, [...args, 'run', ...sim(20), 'web:1']);
    expect(stdout).toMatch(/FINISHED \(1 finished, 0 failed\)/);
    const failure = run(process.execPath, [...args, 'run', ...sim(20, 5), 'web:1']);
    await expect(failure).rejects.toMatchObject({ code: 5, stderr: '' });
  });
});
