import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { repoRoot } from '@berth/local/machine/paths';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tasksIn } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';
import { testImage } from '../support/engine/docker.js';

interface Outcome {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const sleepForever = ['sh', '-c', 'exec sleep 600'];

describe.skipIf(skipCellTests !== false)('the berth command on a real cell', () => {
  let cell: DockerCell;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    cell = await DockerCell.start({ env: { master: { BERTH_MASTER_KILL_GRACE: '1s' } } });
    env = {
      ...process.env,
      BERTH_API_GRPC: cell.local.api.grpc,
      BERTH_CALLER_EMAIL: 'ann@example.com',
      NO_COLOR: '1',
    };
  });
  afterAll(() => cell?.stop());

  const program = join(repoRoot, 'packages/cli/bin/berth.mjs');
  const start = (...args: string[]) => spawn(process.execPath, [program, ...args], { env });
  const berth = (...args: string[]) =>
    new Promise<Outcome>((resolve) => {
      execFile(process.execPath, [program, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  const submit = async (...args: string[]) => (await berth('submit', ...args)).out.trim();
  const json = async (...args: string[]) => JSON.parse((await berth(...args, '-o', 'json')).out);
  const run = (...args: string[]) => berth('run', '--cpu', '0.1', '--memory', '32', ...args);
  /** Asked of the gateway directly: a program that is started again and again has a whole core to itself. */
  const runningTasks = (id: string, count: number) =>
    cell.until(`${count} tasks of ${id} run`, async () => {
      const tasks = tasksIn(await cell.caller.find(id), State.RUNNING);
      return tasks.length === count && tasks.map((task) => task.id);
    });

  it('run follows a job to its end and exits with its outcome', async () => {
    const done = await run('-n', '2', '--name', 'hello', testImage, '--', 'sleep', '1');
    expect(done).toMatchObject({ code: 0, err: '' });
    expect(done.out).toMatch(/^job \S+ \(hello, batch, 2 tasks\)\n/);
    expect(done.out).toMatch(/^\S+ {2}0-0 {2}RUNNING/m);
    expect(done.out).toMatch(/\njob \S+ FINISHED \(2 finished, 0 failed\) after \S+\n$/);
  });

  it.each([
    ['the exit code of the container', 7, [testImage, '--', 'sh', '-c', 'exit 7']],
    [
      '137 where it ran out of memory',
      137,
      [
        '--memory',
        '16',
        '--cpu',
        '0.5',
        testImage,
        '--',
        'sh',
        '-c',
        'tail /dev/zero; code=$?; sleep 1; exit $code',
      ],
    ],
    ['124 where it ran too long', 124, ['--runtime-limit', '1s', testImage, '--', ...sleepForever]],
    ['125 where the command cannot be started', 125, [testImage, '--', '/bin/nonesuch']],
    ['125 where the request is wrong', 125, ['--cpu', '0', testImage]],
  ])('run exits with %s', async (_, code, args) => {
    expect((await run(...args)).code).toBe(code);
  });

  it('run takes a job file', async () => {
    const file = join(cell.home, 'job.yaml');
    const job = [
      `image: ${testImage}`,
      'name: from-file',
      'cpu: 0.1',
      'memory: 32',
      'command: [sh, -c, "exit $CODE"]',
      'env: {CODE: "4"}',
    ];
    await writeFile(file, job.join('\n'));
    const { code, out } = await berth('run', '-f', file);
    expect(code).toBe(4);
    expect(out).toContain('from-file');
  });

  it('submits, lists, shows, observes, scales and kills a service', async () => {
    const id = await submit(
      '--service',
      '-n',
      '2',
      '--cpu',
      '0.1',
      '--memory',
      '32',
      '-p',
      '8080',
      '-l',
      'team=e2e',
      testImage,
      '--',
      ...sleepForever,
    );
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    const observing = start('observe', id, '-o', 'json');
    const output = text(observing.stdout);
    const observed = once(observing, 'exit');
    const [first = ''] = await runningTasks(id, 2);

    const { out: jobs } = await berth('ps', '-l', 'team=e2e');
    expect(jobs).toMatch(new RegExp(`^${id} +\\S+ +service +RUNNING +2/2 `, 'm'));
    expect((await berth('ps', id)).out).toMatch(/ RUNNING .* 8080→127\.0\.0\.1:\d+ /);
    expect((await berth('show', id)).out).toMatch(/service, 2 wanted/);
    expect((await json('show', first)).state.state).toBe('RUNNING');

    expect(await berth('scale', id, '3')).toMatchObject({ code: 0 });
    await runningTasks(id, 3);
    expect(await berth('kill', first)).toMatchObject({ code: 0 });
    await cell.until('the killed task is replaced', async () => {
      const tasks = tasksIn(await cell.caller.find(id), State.RUNNING);
      return tasks.some(({ taskContext }) => taskContext['task.resubmitOf'] === first);
    });
    expect(await json('ps', id, '-s', 'RUNNING')).toHaveLength(3);
    expect(await berth('kill', id)).toMatchObject({ code: 0 });
    expect((await observed)[0]).toBe(0);
    const messages = (await output)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(messages[0]).toHaveProperty('jobSnapshot');
    expect(messages.at(-1)).toEqual({ jobFinished: { id } });
    expect((await json('show', id)).jobState).toEqual({ state: 'FINISHED', reason: 'killed' });
  });

  it('run leaves the job alone on Ctrl-C, and ends it with --kill-on-interrupt', async () => {
    const interrupt = async (...args: string[]) => {
      const running = start(
        'run',
        '--cpu',
        '0.1',
        '--memory',
        '32',
        '-o',
        'json',
        ...args,
        testImage,
        '--',
        ...sleepForever,
      );
      let id: string | undefined;
      running.stdout.setEncoding('utf8').on('data', (data: string) => {
        if (!data.includes('"RUNNING"')) return;
        id = /"id":"([0-9a-f-]{36})\.0-0"/.exec(data)?.[1];
        if (id !== undefined) running.kill('SIGINT');
      });
      const [code] = await once(running, 'exit');
      return { id: id ?? '', code };
    };
    const left = await interrupt();
    expect(left.code).toBe(130);
    expect((await json('show', left.id)).jobState.state).toBe('RUNNING');
    expect((await berth('kill', left.id)).code).toBe(0);
    const ended = await interrupt('--kill-on-interrupt');
    expect(ended.code).toBe(130);
    expect((await json('show', ended.id)).jobState).toEqual({ state: 'FINISHED', reason: 'killed' });
  });

  it('explains errors in words', async () => {
    const refused = await berth('submit', '--cpu', '0', '--memory', 'lots', testImage);
    expect(refused.code).toBe(2);
    expect(refused.err).toMatch(/^berth: the gateway refuses the request:\n/);
    expect(refused.err).toMatch(/--cpu: /);
    expect(refused.err).toMatch(/--memory: /);
    const unknown = await berth('show', '01920000-0000-7000-8000-000000000000');
    expect(unknown.code).toBe(1);
    expect(unknown.err).toMatch(/^berth: .*01920000-0000-7000-8000-000000000000/);
    const nobody = await berth('ps', '--address', '127.0.0.1:1');
    expect(nobody.code).toBe(1);
    expect(nobody.err).toMatch(/^berth: .*127\.0\.0\.1:1.*refused/);
    for (const { err } of [refused, unknown, nobody]) expect(err).not.toMatch(/\n\s+at /);
  });
});
