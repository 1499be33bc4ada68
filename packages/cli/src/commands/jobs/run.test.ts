import {
  failStream,
  type Script,
  type ScriptedGateway,
  startScriptedGateway,
} from '@berth/client/testing/scripted-gateway';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';
import { State } from '@berth/shared/model/task/task-state';
import { afterEach, describe, expect, it } from 'vitest';
import { aJob, aTask, jobId, notify } from '../../testing/fixtures.js';
import { type CliOptions, cli } from '../../testing/harness.js';

const open: ScriptedGateway[] = [];
afterEach(() => {
  for (const gateway of open.splice(0)) gateway.close();
});

interface Life {
  readonly end?: ReturnType<typeof aJob>;
  readonly tasks?: readonly ReturnType<typeof aTask>[];
}

/**
 * A gateway with a fixed life of every job: these task updates, then this end. Without an end the job goes
 * on.
 */
function livingJob({ end, tasks = [] }: Life): Script {
  return {
    createJob: () => ({ id: jobId }),
    observeJob: (_, stream) => {
      stream.write(notify.snapshot(aJob({ state: State.QUEUED, tasks: [aTask('0-0', State.QUEUED)] })));
      stream.write(notify.snapshotEnd());
      for (const task of tasks) stream.write(notify.task(task));
      if (end === undefined) return;
      stream.write(notify.finished());
      stream.end();
    },
    findJob: () => end ?? aJob(),
    killJob: () => ({}),
  };
}

async function run(script: Script, args: readonly string[], options: CliOptions = {}) {
  const gateway = await startScriptedGateway(script);
  open.push(gateway);
  const result = await cli(['run', '--address', gateway.address, ...args], options);
  const created = gateway.received.find(({ method }) => method === 'createJob');
  return { ...result, gateway, descriptor: created?.request as JobDescriptor | undefined };
}

const finished = aTask('0-0', State.FINISHED, 'normal');
const failed = aTask('0-0', State.FAILED, 'failed: exit code 3');
const normalLife: Life = {
  tasks: [finished],
  end: aJob({ state: State.FINISHED, reason: 'normal', tasks: [finished] }),
};
const failedLife: Life = {
  tasks: [failed],
  end: aJob({ state: State.FAILED, reason: 'failed: 1 of 1', tasks: [failed] }),
};
const aNormalLife = () => livingJob(normalLife);

describe('berth run', () => {
  it('submits the job that the flags describe', async () => {
    const flags = [
      '--cpu',
      '0.5',
      '--memory',
      '512MiB',
      '-p',
      '80',
      '-p',
      '443',
      '-e',
      'A=b=c',
      '-e',
      'HOME',
      '-l',
      'team=x',
      '-n',
      '3',
    ];
    const more = ['--name', 'web', '--retries', '2', '--runtime-limit', '10m', '--entrypoint', '/bin/sh -c'];
    const { descriptor } = await run(
      aNormalLife(),
      [...flags, ...more, 'busybox:1', '--', 'echo "$A"', '-x'],
      { env: { HOME: '/root' } },
    );
    expect(descriptor).toMatchObject({
      appName: 'web',
      labels: { team: 'x' },
      containers: {
        main: {
          image: { name: 'busybox:1' },
          resources: { cpu: '0.5', memory: '512MiB', ports: '80,443' },
          entryPoint: ['/bin/sh', '-c'],
          command: ['echo "$A"', '-x'],
          env: { A: 'b=c', HOME: '/root' },
        },
      },
      jobSpec: {
        $case: 'batch',
        value: {
          instances: { desired: 3 },
          runtimeLimitSecs: 600,
          retryPolicy: { policy: { $case: 'immediate', value: { retries: 2 } } },
        },
      },
    });
  });

  it('sends the identity of the caller, and repeats safely after a lost answer', async () => {
    const { gateway } = await run(aNormalLife(), ['busybox:1']);
    expect(gateway.received[0]?.metadata.getMap()).toMatchObject({
      'berth-caller-email': 'ann@example.com',
      'idempotency-key': expect.stringMatching(/./),
    });
  });

  it('prints the states of the tasks and exits with 0 after a finished job', async () => {
    const { exitCode, out, err } = await run(aNormalLife(), ['web:1']);
    expect(out[0]).toBe(`job ${jobId} (web, batch, 1 task)`);
    expect(out[1]).toMatch(/^\d\d:\d\d:\d\d {2}0-0 {2}QUEUED$/);
    expect(out[2]).toMatch(/^\d\d:\d\d:\d\d {2}0-0 {2}FINISHED$/);
    expect(out[3]).toBe(`job ${jobId} FINISHED (1 finished, 0 failed) after 4.0s`);
    expect(err).toEqual([]);
    expect(exitCode).toBe(0);
  });

  it('exits with the exit code of the failed task', async () => {
    const { exitCode, out } = await run(livingJob(failedLife), ['web:1']);
    expect(out.at(-1)).toContain('FAILED failed: 1 of 1 (0 finished, 1 failed)');
    expect(exitCode).toBe(3);
  });

  it('prints one JSON object for each change and one for the end', async () => {
    const { out } = await run(livingJob(failedLife), ['web:1', '-o', 'json']);
    const events = out.map((line) => JSON.parse(line));
    expect(events.map(({ event }) => event)).toEqual(['job', 'task', 'end']);
    expect(events[0].job.tasks[0].state).toEqual({ state: 'QUEUED', reason: '' });
    expect(events[1].task.state).toEqual({ state: 'FAILED', reason: 'failed: exit code 3' });
    expect(events[2]).toMatchObject({ exitCode: 3, job: { id: jobId, jobState: { state: 'FAILED' } } });
  });

  it('leaves the job running on Ctrl-C, prints how to look at it, and exits with 130', async () => {
    const onLine: CliOptions['onLine'] = (line, interrupt) => line.includes('QUEUED') && interrupt();
    const { exitCode, err, gateway } = await run(livingJob({}), ['web:1'], { onLine });
    expect(exitCode).toBe(130);
    expect(err).toContain(`  end it:      berth kill ${jobId}`);
    expect(gateway.received.map(({ method }) => method)).not.toContain('killJob');
  });

  it('kills the job on Ctrl-C with --kill-on-interrupt, and follows it to its end', async () => {
    const killed = aTask('0-0', State.FINISHED, 'killed');
    const script: Script = {
      ...livingJob({}),
      killJob: () => {
        streams[0]?.write(notify.task(killed));
        streams[0]?.write(notify.finished());
        streams[0]?.end();
        return {};
      },
      observeJob: (_, stream) => {
        streams.push(stream);
        stream.write(notify.snapshot(aJob({ tasks: [aTask('0-0', State.RUNNING)] })));
      },
      findJob: () => aJob({ state: State.FINISHED, reason: 'killed', tasks: [killed] }),
    };
    const streams: Parameters<NonNullable<Script['observeJob']>>[1][] = [];
    const onLine: CliOptions['onLine'] = (line, interrupt) => line.includes('RUNNING') && interrupt();
    const { exitCode, out } = await run(script, ['--kill-on-interrupt', 'web:1'], { onLine });
    expect(out.at(-1)).toContain('FINISHED killed');
    expect(exitCode).toBe(130);
  });

  it('exits with 0 when all tasks are RUNNING, with --until-running', async () => {
    const { exitCode, out } = await run(livingJob({ tasks: [aTask('0-0', State.RUNNING)] }), [
      '--until-running',
      '--service',
      'web:1',
    ]);
    expect(out.at(-1)).toMatch(/RUNNING$/);
    expect(exitCode).toBe(0);
  });

  it('prints only the id with --detach', async () => {
    const { exitCode, out } = await run(livingJob({}), ['-d', 'web:1']);
    expect(out).toEqual([jobId]);
    expect(exitCode).toBe(0);
  });

  it('survives the loss of the stream', async () => {
    let streams = 0;
    const life = aNormalLife();
    const { exitCode, err } = await run(
      {
        ...life,
        observeJob: (request, stream) => {
          streams += 1;
          if (streams > 1) return life.observeJob?.(request, stream);
          stream.write(notify.snapshot(aJob({ state: State.QUEUED })));
          failStream(stream, new BerthError('unavailable', 'The gateway is going down.'));
        },
      },
      ['web:1'],
    );
    expect(err).toEqual(['berth: The gateway is going down. Trying again.']);
    expect(exitCode).toBe(0);
  });

  it('prints every wrong field of a refused job and exits with 125', async () => {
    const refuse = () => {
      throw invalidFields([
        { field: 'containers["main"].resources.cpu', description: 'must be greater than 0' },
        { field: 'labels["titus.x"]', description: 'is reserved' },
      ]);
    };
    const { exitCode, err } = await run({ createJob: refuse }, ['web:1']);
    expect(err).toEqual([
      'berth: the gateway refuses the request:',
      '  --cpu: must be greater than 0',
      '  --label titus.x: is reserved',
    ]);
    expect(exitCode).toBe(125);
  });

  it('reads the job from standard input', async () => {
    const { descriptor } = await run(aNormalLife(), ['-f', '-'], { input: 'image: web:1\ninstances: 2' });
    expect(descriptor?.appName).toBe('web');
  });

  it.each([
    [['-f', 'job.yaml', '--cpu', '1'], /With -f the file describes the whole job; leave out --cpu/],
    [['-d', '--until-running', 'web:1'], /With -d .* leave out --until-running\./],
    [
      ['-d', '--until-running', '--kill-on-interrupt', 'web:1'],
      /leave out --until-running, --kill-on-interrupt/,
    ],
    [['-f', '/nowhere/job.yaml'], /\/nowhere\/job.yaml cannot be read: there is no such file/],
    [[], /Name an image to run/],
    [['web:1', '-e', 'NOT_SET'], /--env NOT_SET/],
    [['web:1', '-n', 'many'], /whole number/],
    [['web:1', 'sh', '-x'], /unknown option '-x'/],
  ])('refuses %j before it calls anyone', async (args, message) => {
    const { exitCode, err, gateway } = await run({}, args);
    expect(err.join('\n')).toMatch(message);
    expect(exitCode).toBe(125);
    expect(gateway.received).toEqual([]);
  });

  it('names all mistakes in the flags at once', async () => {
    const flags = ['-e', '=x', '-l', '=y', '-p', '99999', '-p', 'abc', '-p', '80', '-n', 'many'];
    const more = ['--retries', 'x', '--runtime-limit', 'soon', '--cpu', 'abc', '--memory', '64'];
    const { err } = await run({}, [...flags, ...more, 'busybox:1']);
    expect(err.map((line) => line.trim().split(/ (must|is|ports|a) /)[0])).toEqual([
      'berth: The command line describes no valid job:',
      '--port 99999:',
      '--port abc:',
      '--instances many:',
      '--retries x:',
      '--env =x:',
      '--label =y:',
      '--runtime-limit:',
      '--cpu:',
    ]);
  });
});
