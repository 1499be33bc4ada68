import {
  type Script,
  type ScriptedGateway,
  startScriptedGateway,
} from '@berth/client/testing/scripted-gateway';
import type { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { invalidFields, notFound } from '@berth/shared/model/errors/errors';
import { State, stateName } from '@berth/shared/model/task/task-state';
import { afterEach, describe, expect, it } from 'vitest';
import { aJob, aTask, jobId, notify } from '../../testing/fixtures.js';
import { type CliOptions, cli } from '../../testing/harness.js';

const open: ScriptedGateway[] = [];
afterEach(() => {
  for (const gateway of open.splice(0)) gateway.close();
});

async function berth(script: Script, args: readonly string[], options: CliOptions = {}) {
  const gateway = await startScriptedGateway(script);
  open.push(gateway);
  const result = await cli([...args, '--address', gateway.address], options);
  return { ...result, gateway };
}

const otherId = '019c0000-0000-7000-8000-0000000000ff';
const thirdId = '019d0000-0000-7000-8000-000000000001';

function named(id: string, appName: string, state: State = State.RUNNING): Job {
  const job = aJob({ id, state });
  return { ...job, jobDescriptor: job.jobDescriptor && { ...job.jobDescriptor, appName } };
}

/** A gateway with these jobs that answers like a real one. */
function holding(...jobs: Job[]): Script {
  const find = (id: string) => {
    const job = jobs.find((candidate) => candidate.id === id);
    if (job === undefined) throw notFound('job', id);
    return job;
  };
  return {
    findJobs: ({ fiterlingCriteria, page }, metadata, trailers) => {
      const state = fiterlingCriteria.jobState;
      const found = jobs.filter(
        ({ jobState }) => state === undefined || stateName(jobState?.state ?? 0) === state,
      );
      const [start, size] = [Number(metadata.get('berth-cursor')[0] ?? 0), page?.pageSize ?? 1];
      if (start + size < found.length) trailers.set('berth-cursor', String(start + size));
      const pagination = {
        currentPage: page,
        hasMore: start + size < found.length,
        totalPages: 0,
        totalItems: found.length,
      };
      return { items: found.slice(start, start + size), pagination };
    },
    findJob: ({ id }) => find(id),
    findTasks: ({ jobId: id }) => ({ items: find(id).tasks, pagination: undefined }),
    findTask: ({ id }) => {
      const task = jobs.flatMap(({ tasks }) => tasks).find((candidate) => candidate.id === id);
      if (task === undefined) throw notFound('task', id);
      return task;
    },
    killJob: ({ id }) => {
      find(id);
      return {};
    },
    killTask: () => ({}),
    updateJobInstances: () => ({}),
  };
}

const running = aJob({
  tasks: [
    aTask('0-0', State.RUNNING, '', { 'agent.host': 'host-1' }),
    aTask('1-0', State.FINISHED, 'normal'),
  ],
  desired: 2,
});
const ended = aJob({ id: otherId, state: State.FAILED, reason: 'failed: 1 of 1 tasks failed' });

describe('berth ps', () => {
  it('lists live jobs', async () => {
    const { out, exitCode } = await berth(holding(running, ended), ['ps']);
    expect(out[0]).toMatch(/^JOB +NAME +TYPE +STATE +RUNNING +DONE +CLUSTER +AGE +REASON$/);
    expect(out[1]).toMatch(new RegExp(`^${jobId} +web +batch +RUNNING +1/2 +1 +default +5m$`));
    expect(out).toHaveLength(2);
    expect(exitCode).toBe(0);
  });

  it('lists ended jobs too with -a', async () => {
    const { out } = await berth(holding(running, ended), ['ps', '-a']);
    expect(out.slice(1).map((line) => line.split(' ')[0])).toEqual([jobId, otherId]);
  });

  it('asks for states and labels', async () => {
    const { gateway, out } = await berth(holding(running, ended), [
      'ps',
      '-s',
      'failed',
      '-l',
      'team=x',
      '-l',
      'canary',
    ]);
    expect(gateway.received[0]?.request).toMatchObject({
      fiterlingCriteria: { jobState: 'FAILED', labels: 'team:x,canary' },
    });
    expect(out[1]).toContain(otherId);
  });

  it('goes through all pages', async () => {
    const many = Array.from({ length: 2500 }, (_, n) =>
      aJob({ id: `019c0000-0000-7000-8000-${String(n).padStart(12, '0')}` }),
    );
    const { out } = await berth(holding(...many), ['ps']);
    expect(new Set(out.slice(1)).size).toBe(2500);
  });

  it('prints whole jobs as JSON and as YAML', async () => {
    const json = await berth(holding(running), ['ps', '-o', 'json']);
    expect(JSON.parse(json.out.join('\n'))).toMatchObject([{ id: jobId, jobState: { state: 'RUNNING' } }]);
    const yaml = await berth(holding(running), ['ps', '-o', 'yaml']);
    expect(yaml.out).toContain(`- id: ${jobId}`);
  });

  it('colours states on a terminal, but not with NO_COLOR or --no-color', async () => {
    const colored = async (args: string[], env: Record<string, string> = {}) => {
      const { out } = await berth(holding(running), args, { isTerminal: true, env });
      return out.join().includes('\u001b[');
    };
    expect(await colored(['ps'])).toBe(true);
    expect(await colored(['ps'], { NO_COLOR: '1' })).toBe(false);
    expect(await colored(['ps', '--no-color'])).toBe(false);
  });

  it('lists the live tasks of a job, and all with -a', async () => {
    const living = await berth(holding(running), ['ps', jobId]);
    expect(living.out[1]).toMatch(new RegExp(`^${jobId}.0-0 +RUNNING +host-1 +- +5m$`));
    expect(living.out).toHaveLength(2);
    const all = await berth(holding(running), ['ps', jobId, '-a']);
    expect(all.out).toHaveLength(3);
  });

  it('orders tasks by the numbers of their slots and attempts', async () => {
    const parts = ['0-0', '1-0', '10-0', '11-0', '2-10', '2-9'];
    const job = aJob({ tasks: parts.map((part) => aTask(part, State.RUNNING)) });
    const ids = ({ out }: { out: readonly string[] }) =>
      out.flatMap((line) => /\S+\.(\d+-\d+)/.exec(line)?.[1] ?? []);
    const inOrder = ['0-0', '1-0', '2-9', '2-10', '10-0', '11-0'];
    expect(ids(await berth(holding(job), ['ps', jobId]))).toEqual(inOrder);
    expect(ids(await berth(holding(job), ['show', jobId]))).toEqual(inOrder);
  });

  it('lists all tasks of a job that has ended', async () => {
    const job = aJob({
      state: State.FINISHED,
      reason: 'normal',
      tasks: [aTask('0-0', State.FINISHED, 'normal')],
    });
    const { out } = await berth(holding(job), ['ps', jobId]);
    expect(out[1]).toContain('FINISHED');
  });

  it('refuses an unknown state', async () => {
    const { exitCode, err } = await berth({}, ['ps', '-s', 'DONE']);
    expect(exitCode).toBe(2);
    expect(err.join(' ')).toMatch(/must be QUEUED, DISPATCHED/);
  });
});

describe('an id on the command line', () => {
  const cell = holding(running, ended, aJob({ id: thirdId, state: State.FINISHED }));

  it('may be a prefix of a job id', async () => {
    const { out } = await berth(cell, ['show', '019d']);
    expect(out[0]).toBe(`Job      ${thirdId}`);
  });

  it('may be a prefix of a task id', async () => {
    const { out } = await berth(holding(running), ['show', '019c.0']);
    expect(out[0]).toBe(`Task     ${jobId}.0-0`);
  });

  it('may name the task of a slot by the slot number', async () => {
    const slots = [aTask('1-0', State.RUNNING), aTask('10-0', State.RUNNING), aTask('11-0', State.RUNNING)];
    const { out } = await berth(holding(aJob({ tasks: slots })), ['show', `${jobId}.1`]);
    expect(out[0]).toBe(`Task     ${jobId}.1-0`);
    const twice = aJob({ tasks: [...slots, aTask('1-1', State.RUNNING), aTask('1-12', State.RUNNING)] });
    expect((await berth(holding(twice), ['show', `${jobId}.1-1`])).out[0]).toBe(`Task     ${jobId}.1-1`);
    const { err, exitCode } = await berth(holding(twice), ['show', `${jobId}.1`]);
    expect(err[0]).toContain(`"${jobId}.1" may mean 3 tasks:`);
    expect(exitCode).toBe(2);
  });

  it('is taken as it is if it is a full task id in no list, since the task may be archived', async () => {
    const archived = aTask('0-0', State.FINISHED, 'normal');
    const script = {
      ...holding(running),
      findTask: () => archived,
      findTasks: () => ({ items: [], pagination: undefined }),
    };
    const { out, exitCode } = await berth(script, ['show', archived.id]);
    expect([out[0], exitCode]).toEqual([`Task     ${archived.id}`, 0]);
    const { err } = await berth(script, ['show', `${jobId}.0`]);
    expect(err[0]).toMatch(/There is no task with the name, the id or the prefix .*\.0"\. .*full id/);
  });

  it('is refused with all candidates if it fits several jobs', async () => {
    const { err, exitCode } = await berth(cell, ['kill', '019c0000']);
    expect(err.join(' ')).toContain(`"019c0000" may mean 2 jobs: ${jobId} ${otherId}`);
    expect(exitCode).toBe(1);
  });

  it('may be the name of a job, also before the part of a task', async () => {
    const { out } = await berth(holding(named(jobId, 'web'), named(otherId, 'api.1')), [
      'kill',
      'web',
      'api.1',
    ]);
    expect(out.map((line) => line.split(' ')[0])).toEqual([jobId, otherId]);
    const task = await berth(holding(running), ['show', 'web.0']);
    expect(task.out[0]).toBe(`Task     ${jobId}.0-0`);
  });

  it('means the live job if ended jobs have the same name', async () => {
    const { out } = await berth(holding(named(otherId, 'web', State.FINISHED), running), ['show', 'web']);
    expect(out[0]).toContain(jobId);
  });

  it('is refused with the candidates if several live jobs have the name', async () => {
    const { err, out } = await berth(holding(named(jobId, 'web'), named(otherId, 'web')), ['kill', 'web']);
    expect(out).toEqual([]);
    expect(err.join(' ')).toContain(`"web" may mean 2 jobs: ${jobId}  web  RUNNING ${otherId}  web  RUNNING`);
  });

  it('is refused if it is a name of one job and the beginning of the id of another', async () => {
    const { err } = await berth(holding(named(thirdId, '019c'), running), ['show', '019c']);
    expect(err[0]).toMatch(/may mean 2 jobs/);
  });

  it('is refused if it fits no job', async () => {
    const { err, exitCode } = await berth(cell, ['show', 'beef']);
    expect(err).toEqual([
      'berth: There is no job with the name, the id or the prefix "beef". Names and prefixes find only jobs and tasks that are not archived; a full id also searches the archive.',
    ]);
    expect(exitCode).toBe(1);
  });

  it('is refused if it is short enough to fit by accident', async () => {
    const { err } = await berth(cell, ['show', '019']);
    expect(err[0]).toMatch(/too short/);
  });

  it('is answered by the gateway if it is full and unknown', async () => {
    const unknown = '019c0000-0000-7000-8000-00000000beef';
    const { err, exitCode } = await berth(cell, ['show', unknown]);
    expect(err).toEqual([`berth: There is no job "${unknown}".`]);
    expect(exitCode).toBe(1);
  });

  it('is refused if it is a task id and a job is needed', async () => {
    const { err } = await berth(cell, ['scale', `${jobId}.0-0`, '3']);
    expect(err[0]).toMatch(/is a task's id, but a job's is needed/);
  });
});

describe('berth show', () => {
  it('prints everything about a job: descriptor, history and tasks', async () => {
    const { out } = await berth(holding(running), ['show', jobId]);
    const text = out.join('\n');
    expect(text).toMatch(/Type +batch, 2 wanted, no retries/);
    expect(text).toMatch(/Tasks +1 running, 0 on the way, 1 finished, 0 failed/);
    expect(text).toMatch(/Owner +ann@example.com$/m);
    expect(text).toMatch(
      /Container main\n {2}Image +web:1\n {2}Resources +cpu=1 \(default\), memory=512 \(default\)\n {2}Command +sleep 1/,
    );
    expect(text).toMatch(/History\n {2}QUEUED +2026-03-04T05:06:07.000Z \(5m ago\)/);
    expect(text).toMatch(/Tasks\n {2}TASK +STATE/);
  });

  it('prints everything about a task: context and history', async () => {
    const { out } = await berth(holding(running), ['show', `${jobId}.0-0`]);
    const text = out.join('\n');
    expect(text).toMatch(/State +RUNNING/);
    expect(text).toMatch(/Context\n {2}agent.host +host-1/);
    expect(text).toMatch(/RUNNING +2026-03-04T05:06:10.000Z/);
  });

  it('prints the whole job with its tasks for programs', async () => {
    const { out } = await berth(holding(running), ['show', jobId, '-o', 'json']);
    expect(JSON.parse(out.join('\n'))).toMatchObject({
      id: jobId,
      tasks: [{ id: `${jobId}.0-0` }, { id: `${jobId}.1-0` }],
    });
  });
});

describe('berth kill', () => {
  it('kills jobs and tasks, attempts every id, and fails if one of them failed', async () => {
    const unknown = '019c0000-0000-7000-8000-00000000beef';
    const { out, err, exitCode, gateway } = await berth(holding(running), [
      'kill',
      unknown,
      jobId,
      `${jobId}.0`,
    ]);
    expect(out).toEqual([`${jobId}  job is being killed`, `${jobId}.0-0  task is being killed`]);
    expect(err).toEqual([`${unknown}  not killed: There is no job "${unknown}".`]);
    expect(exitCode).toBe(1);
    expect(
      gateway.received.filter(({ method }) => method === 'killTask').map(({ request }) => request),
    ).toEqual([{ id: `${jobId}.0-0` }]);
  });

  it('reports a job or a task that has already ended, also if it is archived', async () => {
    const archived = { ...holding(ended), findJobs: () => ({ items: [], pagination: undefined }) };
    for (const [script, id, text] of [
      [holding(ended), otherId, 'job has ended already: it is FAILED.'],
      [archived, otherId, 'job has ended already: it is FAILED.'],
      [holding(running), `${jobId}.1-0`, 'task has ended already: it is FINISHED.'],
    ] as const) {
      const { out, err, exitCode, gateway } = await berth(script, ['kill', id]);
      expect([out, err, exitCode]).toEqual([[], [`${id}  not killed: The ${text}`], 1]);
      expect(gateway.received.filter(({ method }) => method.startsWith('kill'))).toEqual([]);
    }
  });

  it('ends the slot of a failed task that waits for its retry', async () => {
    const tasks = [aTask('0-0', State.FAILED, 'failed: exit code 1'), aTask('1-0', State.RUNNING)];
    const job = aJob({ tasks });
    const spec = job.jobDescriptor?.jobSpec;
    if (spec?.$case === 'batch')
      spec.value.retryPolicy = { policy: { $case: 'immediate', value: { retries: 2 } } };
    const { out, exitCode } = await berth(holding(job), ['kill', `${jobId}.0-0`]);
    expect([out, exitCode]).toEqual([[`${jobId}.0-0  task is being killed`], 0]);
  });

  it('prints a result for each id for programs', async () => {
    const { out, exitCode } = await berth(holding(running), ['kill', jobId, 'beef', '-o', 'json']);
    expect(JSON.parse(out.join('\n'))).toEqual([
      { kind: 'job', id: jobId, ok: true },
      {
        kind: 'unknown',
        id: 'beef',
        ok: false,
        error: expect.stringContaining('There is no job with the name, the id or the prefix "beef".'),
      },
    ]);
    expect(exitCode).toBe(1);
  });

  it('exits with 0 if everything succeeded', async () => {
    expect((await berth(holding(running), ['kill', jobId])).exitCode).toBe(0);
  });
});

describe('berth scale', () => {
  it('switches the policies of a service off and on, with or without a change of its instances', async () => {
    const script = { ...holding(running), updateJobInstances: () => ({}), updateJobStatus: () => ({}) };
    const { out, gateway } = await berth(script, ['scale', jobId, '--policies', 'off']);
    expect(out).toEqual([`${jobId}  policies off`]);
    expect(gateway.received.map(({ method, request }) => [method, request])).toEqual([
      ['updateJobStatus', { id: jobId, enableStatus: false }],
    ]);
    const both = await berth(script, ['scale', jobId, '5', '--policies', 'on', '-o', 'json']);
    expect(JSON.parse(both.out.join('\n'))).toEqual({ id: jobId, instances: { desired: 5 }, policies: 'on' });
    expect(both.gateway.received.map(({ method }) => method)).toEqual([
      'updateJobInstances',
      'updateJobStatus',
    ]);
  });

  it('changes only the given numbers', async () => {
    const { gateway, out } = await berth(holding(running), ['scale', jobId, '5', '--max', '9']);
    expect(gateway.received.at(-1)?.request).toEqual({
      jobId,
      instances: { min: undefined, max: 9, desired: 5 },
    });
    expect(out).toEqual([`${jobId}  max 9, desired 5`]);
  });

  it('sends the given stage', async () => {
    const { out } = await berth(holding(running), ['scale', jobId, '5', '--stage', '2']);
    expect(out).toEqual([`${jobId}  stage 2, desired 5`]);
  });

  it('names the missing option if a stage is required', async () => {
    const description = 'is required: the job has stages 1 to 2, and one of them is meant';
    const updateJobInstances = () => {
      throw invalidFields([{ field: 'metadata berth.stage', description }]);
    };
    const { err, exitCode } = await berth({ ...holding(running), updateJobInstances }, ['scale', jobId, '5']);
    expect(err).toEqual([`berth: --stage ${description}.`]);
    expect(exitCode).toBe(2);
  });

  it.each([[[]], [['3', '--desired', '4']], [['-3']], [['many']]])('refuses %j', async (args) => {
    const { exitCode, gateway } = await berth({}, ['scale', jobId, ...args]);
    expect(exitCode).toBe(2);
    expect(gateway.received).toEqual([]);
  });
});

describe('berth observe', () => {
  const observed: Script = {
    observeJob: (_, stream) => {
      stream.write(notify.snapshot(running));
      stream.write(notify.snapshotEnd());
      stream.write(notify.task(aTask('0-0', State.FINISHED, 'normal')));
      stream.write(notify.finished());
      stream.end();
    },
    observeJobs: (_, stream) => {
      stream.write(notify.snapshot(running));
      stream.write(notify.snapshotEnd());
    },
  };

  it('prints the state of a job and every change until its end', async () => {
    const { out, exitCode } = await berth(observed, ['observe', jobId]);
    expect(out[0]).toContain(`${jobId}  job RUNNING  web, batch, 2 tasks`);
    expect(out.at(-2)).toMatch(new RegExp(`${jobId} {2}0-0 {2}FINISHED$`));
    expect(out.at(-1)).toContain('job ended');
    expect(exitCode).toBe(0);
  });

  it('prints the messages of the stream for programs, one on each line', async () => {
    const { out } = await berth(observed, ['observe', jobId, '-o', 'json']);
    expect(out.map((line) => Object.keys(JSON.parse(line))[0])).toEqual([
      'jobSnapshot',
      'snapshotEnd',
      'taskUdate',
      'jobFinished',
    ]);
  });

  it('observes all jobs until Ctrl-C', async () => {
    const onLine: CliOptions['onLine'] = (line, interrupt) => line.includes('changes follow') && interrupt();
    const { out, exitCode } = await berth(observed, ['observe'], { onLine });
    expect(out[0]).toContain(jobId);
    expect(exitCode).toBe(130);
  });
});

describe('any command', () => {
  it('reports an unreachable gateway in one sentence', async () => {
    const gateway = await startScriptedGateway({});
    gateway.close();
    const { err, exitCode } = await cli(['ps'], { env: { BERTH_API_GRPC: gateway.address } });
    expect(err).toHaveLength(1);
    expect(err[0]).toContain(
      `the gateway at ${gateway.address} cannot be reached, since the connection was refused`,
    );
    expect(exitCode).toBe(1);
  });

  it('names all wrong TLS files at once', async () => {
    const { err, exitCode } = await cli(['ps'], { env: { BERTH_API_CA: '/nope', BERTH_API_CERT: '/nope2' } });
    expect(err[0]).toBe('berth: The TLS settings of the environment are wrong:');
    expect(err.slice(1).join()).toMatch(/set both or neither.*'\/nope'.*'\/nope2'/);
    expect(exitCode).toBe(2);
  });

  it('prints a stack trace only on request', async () => {
    const { err } = await berth(holding(), ['show', jobId], { env: { BERTH_DEBUG: '1' } });
    expect(err.join('\n')).toMatch(/^berth: There is no job .*\nBerthError: .*\n +at /);
  });

  it('exits with 0 for help and with 2 for unknown commands and options', async () => {
    expect((await cli(['--help'])).exitCode).toBe(0);
    expect((await cli(['explode'])).exitCode).toBe(2);
    expect((await cli(['ps', '-o', 'xml'])).exitCode).toBe(2);
  });

  it('prints its version', async () => {
    const { out } = await cli(['version', '-o', 'json']);
    expect(JSON.parse(out.join(''))).toEqual({
      berth: expect.stringMatching(/^\d+\.\d+\.\d+$/),
      node: process.versions.node,
    });
  });
});
