import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cli } from '@berth/cli/testing/harness';
import { repoRoot } from '@berth/local/machine/paths';
import {
  CancelInstancesRequest,
  type JobInstance,
  JobState,
  JobServiceService as jobV1,
  LookupInstancesRequest,
  type Query,
  ScheduleJobRequest,
} from '@berth/shared/gen/job/v1/job_service';
import {
  JobClusterDescriptor,
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BatchOptions, batch, isJobOver, simulated } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const run = promisify(execFile);

type Container = ReturnType<typeof simulated>;

/** Registers a kind whose jobs run this container. Resolves with the cluster's id. */
async function register(caller: TitusCaller, name: string, container: Container, options?: BatchOptions) {
  const jobDescriptor = JobDescriptor.fromPartial({
    ...batch(container, options),
    labels: { 'berth.description': `the kind ${name}`, 'berth.cronSpec': '0 6 * * 1' },
  });
  const descriptor = JobClusterDescriptor.fromPartial({
    name,
    jobDescriptor,
    clusterSpec: { $case: 'batch', value: {} },
  });
  return (await caller.call(methods.createJobCluster, descriptor)).response.id;
}

/** Returns a simulated container of a kind: it runs for a time, leaves these results and ends. */
function leaving(results: string, behaviour: Parameters<typeof simulated>[0] = { runMs: 20 }): Container {
  const container = simulated(behaviour);
  return { ...container, env: { ...container.env, BERTH_SIM_RESULTS: results } };
}

async function schedule(caller: TitusCaller, kind: string, fields: Partial<ScheduleJobRequest> = {}) {
  const request = ScheduleJobRequest.fromPartial({ kind, ...fields });
  const { instance } = (await caller.call(jobV1.scheduleJob, request)).response;
  if (instance === undefined) throw new Error('no instance');
  return instance;
}

async function lookup(caller: TitusCaller, query: Partial<Query>): Promise<readonly JobInstance[]> {
  const request = LookupInstancesRequest.fromPartial({ query });
  return (await caller.call(jobV1.lookupInstances, request)).response.instances;
}

/** The instance once it is in one of these states. */
function until(caller: TitusCaller, uuid: string, states: number): Promise<JobInstance> {
  return waitFor(async () => (await lookup(caller, { uuid, state: states as JobState }))[0], {
    what: `instance ${uuid} is in a state of ${states}`,
  });
}

const ended = JobState.COMPLETED | JobState.TERMINATED | JobState.TIMED_OUT | JobState.CANCELLED;

describe.skipIf(skipRedisTests !== false)('job.v1 on a whole cell', () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start({ gateways: 2, masterEnv: { BERTH_MASTER_KILL_GRACE: '100ms' } });
    caller = cell.caller();
    await register(caller, 'sum', leaving('41\n42\n'));
    await register(caller, 'broken', leaving('half\n', { runMs: 20, exitCode: 3 }), {
      retryPolicy: { $case: 'immediate', value: { retries: 2 } },
    });
    await register(caller, 'endless', simulated());
    await register(caller, 'late', simulated(), { runtimeLimitSecs: 1 });
  });
  afterAll(() => closeCleanly(cell));

  const curl = async (method: string, request: object): Promise<Record<string, unknown>> => {
    const data = ['--data', JSON.stringify(request)];
    const url = `http://${cell.jobv1Address()}/job.v1.JobService/${method}`;
    const args = ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...data, url];
    const { stdout } = await run(join(repoRoot, 'node_modules/.bin/buf'), args, { cwd: repoRoot });
    return JSON.parse(stdout);
  };

  it('runs an instance from its acceptance to its end, and reports each step', async () => {
    const accepted = await schedule(caller, 'sum', { arguments: ['1', '2'] });
    expect(accepted.state).toBe(JobState.CREATED);
    const done = await until(cell.caller(1), accepted.uuid, ended);
    expect(done).toMatchObject({
      kind: 'sum',
      state: JobState.COMPLETED,
      arguments: ['1', '2'],
      results: ['41', '42'],
      attempts: 1,
    });
    expect(done.error).toBeUndefined();
    const times = [done.createdAt, done.scheduledAt, done.processedAt, done.completedAt].map(
      (at) => (at?.seconds ?? Number.NaN) * 1000 + (at?.nanos ?? 0) / 1e6,
    );
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBeGreaterThan(0);
  });

  it('reports the error, the attempts and the results of a failed instance', async () => {
    const { uuid } = await schedule(caller, 'broken');
    expect(await until(caller, uuid, ended)).toMatchObject({
      state: JobState.TERMINATED,
      error: 'failed: exit code 3',
      attempts: 3,
      results: ['half'],
      terminatedAt: { seconds: expect.any(Number) },
    });
  });

  it('reports a timed-out and a cancelled instance', async () => {
    const late = await schedule(caller, 'late');
    const endless = await schedule(caller, 'endless');
    await until(caller, endless.uuid, JobState.PROCESSING);
    const request = CancelInstancesRequest.fromPartial({ query: { kind: 'endless' } });
    const { instances } = (await caller.call(jobV1.cancelInstances, request)).response;
    expect(instances.map(({ uuid, state }) => [uuid, state])).toEqual([[endless.uuid, JobState.CANCELLED]]);
    const killed = await caller.until(endless.uuid, isJobOver, 'ends');
    expect(killed.jobState?.reason).toBe('killed');
    expect(await until(caller, endless.uuid, ended)).toMatchObject({
      state: JobState.CANCELLED,
      cancelledAt: instances[0]?.cancelledAt,
    });
    expect(await until(caller, late.uuid, ended)).toMatchObject({
      state: JobState.TIMED_OUT,
      error: expect.stringMatching(/^runtimeLimitExceeded/),
      timedOutAt: { seconds: expect.any(Number) },
    });
  });

  it('counts all jobs of the cluster as instances, and no others', async () => {
    const cluster = await register(caller, 'counted', simulated({ runMs: 20 }));
    const header = { headers: { 'berth.jobClusterId': cluster, 'berth-caller-email': 'a@example.com' } };
    const made = await caller.create({ jobSpec: { $case: 'batch', value: {} } }, header);
    const other = await caller.create(batch(simulated({ runMs: 20 })));
    await until(caller, made, JobState.COMPLETED);
    expect((await lookup(caller, { kind: 'counted' })).map(({ uuid }) => uuid)).toEqual([made]);
    expect(await lookup(caller, { uuid: other })).toEqual([]);
    const job = await caller.until(other, isJobOver, 'ends');
    expect(job.tasks).toHaveLength(1);
  });

  it('serves a client of another make on its own port', async () => {
    expect(await curl('GetVersion', {})).toMatchObject({ apiVersion: 'v1' });
    const { jobs } = await curl('ListRegisteredJobs', {});
    expect(jobs).toContainEqual({
      kind: 'sum',
      description: 'the kind sum',
      registeredAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      cronSpec: '0 6 * * 1',
    });
    const { instance } = await curl('ScheduleJob', { kind: 'sum', arguments: ['x'], priority: 3 });
    const { uuid } = instance as { uuid: string };
    await until(caller, uuid, ended);
    // or-ed states: COMPLETED and CREATED
    const { instances } = await curl('LookupInstances', { query: { uuid, state: 33 } });
    expect(instances).toMatchObject([{ uuid, state: 'JOB_STATE_COMPLETED', results: ['41', '42'] }]);
    expect(await curl('LookupInstances', { query: { uuid, state: 'JOB_STATE_TERMINATED' } })).toEqual({});
    const refused = await curl('CancelInstances', { query: {} }).catch((error: { stderr: string }) =>
      JSON.parse(error.stderr),
    );
    expect(refused.code).toBe('invalid_argument');
    const unknown = await curl('ScheduleJob', { kind: 'summ' }).catch((error: { stderr: string }) =>
      JSON.parse(error.stderr),
    );
    expect([unknown.code, unknown.message]).toEqual([
      'not_found',
      expect.stringContaining('did you mean "sum"?'),
    ]);
  });

  it('is available on the command line', async () => {
    const berth = (...args: string[]) => cli(['--address', cell.address(), ...args]);
    const kinds = await berth('kinds');
    expect(kinds.out.some((line) => /^sum +0 6 \* \* 1 +\S+ +the kind sum$/.test(line))).toBe(true);
    const { out } = await berth('schedule', 'sum', '--priority', '2', '--', '--verbose', 'a b');
    const uuid = out[0] ?? '';
    const done = await until(caller, uuid, ended);
    expect(done.arguments).toEqual(['--verbose', 'a b']);
    const listed = await berth('instances', '--kind', 'sum', '-s', 'completed');
    expect(listed.out.find((line) => line.startsWith(uuid))).toMatch(/ sum +COMPLETED +1 +\S+ +41 \| 42$/);
    const json = JSON.parse((await berth('instances', uuid, '-o', 'json')).out.join('\n'));
    expect(json).toMatchObject([{ uuid, state: 'JOB_STATE_COMPLETED' }]);
    const endless = (await berth('schedule', 'endless')).out[0] ?? '';
    const cancelled = await berth('cancel', endless);
    expect([cancelled.exitCode, cancelled.out[1]]).toEqual([0, expect.stringMatching(/CANCELLED/)]);
    expect(await berth('cancel', endless)).toEqual({
      exitCode: 1,
      out: [],
      err: ['berth: no selected execution is still live'],
    });
    expect(await berth('instances', 'nope')).toEqual({
      exitCode: 1,
      out: [],
      err: ['berth: There is no execution with the id "nope".'],
    });
    expect((await berth('cancel')).exitCode).toBe(2);
    const unknown = await berth('schedule', 'endles');
    expect([unknown.exitCode, unknown.err.join()]).toEqual([
      1,
      expect.stringContaining('did you mean "endless"?'),
    ]);
  });
});

describe.skipIf(skipRedisTests !== false)('the order of instances in a full cell', () => {
  let cell: TestCell;

  beforeAll(async () => {
    // Room for one at a time.
    cell = await TestCell.start({ agents: 1, host: { cpuMillis: 1_000 } });
  });
  afterAll(() => closeCleanly(cell));

  it('follows their priority, lower first, independent of their submission', async () => {
    const caller = cell.caller();
    const whole = { ...leaving('', { runMs: 100 }), resources: { cpu: '1', memory: '32' } };
    await register(caller, 'job', whole);
    await register(caller, 'plug', { ...simulated(), resources: { cpu: '1', memory: '32' } });
    const plug = await schedule(caller, 'plug');
    await until(caller, plug.uuid, JobState.PROCESSING);
    const uuids = new Map<string, string>();
    for (const priority of [10, -1, 900, 0, 4]) {
      const { uuid } = await schedule(caller, 'job', { priority });
      uuids.set(uuid, String(priority));
      await until(caller, uuid, JobState.SCHEDULED);
    }
    await caller.kill(plug.uuid);
    const done = await Promise.all([...uuids.keys()].map((uuid) => until(caller, uuid, ended)));
    const startedMs = ({ processedAt: at }: JobInstance) => (at?.seconds ?? 0) * 1e3 + (at?.nanos ?? 0) / 1e6;
    const order = done.toSorted((a, b) => startedMs(a) - startedMs(b)).map(({ uuid }) => uuids.get(uuid));
    expect(order).toEqual(['0', '4', '-1', '10', '900']);
  });
});
