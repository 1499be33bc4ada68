import { JobServiceService as jobV1 } from '@berth/shared/gen/job/v1/job_service';
import {
  type DeepPartial,
  JobDescriptor,
  JobInstancesUpdate,
  JobManagementServiceService as methods,
  State,
  type TaskInstances,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, isJobOver, runs, service, simulated } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';

const unknownJob = '01920000-0000-7000-8000-000000000000';
const unknownTask = `${unknownJob}.0-0`;
const jobsAndTasks = [
  ...[
    'CreateJob',
    'FindJob',
    'FindJobs',
    'KillJob',
    'UpdateJobInstances',
    'UpdateJobStatus',
    'ObserveJob',
    'ObserveJobs',
  ],
  ...['FindTask', 'FindTasks', 'KillTask'],
];
const tooLong = 'x'.repeat(257);

describe.skipIf(skipRedisTests !== false)('the answer to a bad request', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  let nobody: TitusCaller;
  let liveBatch: string;
  let liveService: string;
  let finished: string;

  beforeAll(async () => {
    cell = await TestCell.start();
    caller = cell.caller();
    nobody = cell.caller(0, {});
    liveBatch = await caller.create(batch(simulated()));
    liveService = await caller.create(service(simulated()));
    finished = await caller.create(batch(simulated({ runMs: 0 })));
    await caller.until(finished, isJobOver, 'ends');
    await caller.until(liveService, runs(1), 'runs');
  });
  afterAll(() => cell?.close());

  const create = (descriptor: Parameters<TitusCaller['create']>[0], by = caller) =>
    by.failure(methods.createJob, JobDescriptor.fromPartial(descriptor));
  const update = (jobId: string, instances: DeepPartial<TaskInstances>) =>
    caller.failure(methods.updateJobInstances, JobInstancesUpdate.fromPartial({ jobId, instances }));

  describe('CreateJob', () => {
    it('names every offending field of a completely wrong descriptor in one answer', async () => {
      const failure = await create(
        {
          appName: 'a'.repeat(257),
          jobGroupInfo: { detail: 'd' },
          labels: { 'titus.reserved': 'x', '': 'y', long: 'z'.repeat(4097) },
          containers: {
            main: {
              image: { name: 'Not An Image', imageId: 'sha256:short' },
              resources: { cpu: '-1', memory: 'lots', disk: '1parsec', ports: '70000', colour: 'blue' },
              env: { '1BAD': 'x' },
              entryPoint: [''],
            },
          },
          jobSpec: {
            $case: 'batch',
            value: {
              instances: { min: 3, max: 1, desired: 2 },
              runtimeLimitSecs: 10 ** 12,
              retryPolicy: { policy: { $case: 'immediate', value: { retries: 10 ** 6 } } },
              containerId: 'other',
            },
          },
        },
        nobody,
      );
      expect(failure.status).toBe(status.INVALID_ARGUMENT);
      expect(failure.fields.toSorted()).toEqual([
        'appName',
        'batch.containerId',
        'batch.instances',
        'batch.retryPolicy.immediate.retries',
        'batch.runtimeLimitSecs',
        'containers["main"].entryPoint',
        'containers["main"].image.imageId',
        'containers["main"].image.name',
        'containers["main"].resources.colour',
        'containers["main"].resources.cpu',
        'containers["main"].resources.disk',
        'containers["main"].resources.memory',
        'containers["main"].resources.ports',
        'jobGroupInfo.stack',
        'labels[""]',
        'labels["long"]',
        'labels["titus.reserved"]',
        'owner',
      ]);
      for (const { description } of failure.error.violations) expect(description).not.toBe('');
    });

    it.each([
      ['nothing at all', {}, ['containers', 'jobSpec', 'owner']],
      [
        'no container',
        { ...batch(simulated()), containers: {} },
        ['batch.containerId', 'containers', 'owner'],
      ],
      [
        'two containers',
        { ...batch(simulated()), containers: { main: simulated(), more: simulated() } },
        ['containers', 'owner'],
      ],
      ['no image', batch({ resources: { cpu: '1' } }), ['containers["main"].image', 'owner']],
      [
        'no e-mail address as owner',
        { ...batch(simulated()), owner: { ownerEmail: 'me', teamEmail: 'us@example.com' } },
        ['owner.ownerEmail'],
      ],
      [
        'a cluster that there is not',
        { ...batch(simulated()), labels: { 'berth.jobClusterId': 'gone' } },
        ['labels["berth.jobClusterId"]', 'owner'],
      ],
      [
        'a Mantis job that says nothing of itself',
        { ...batch(simulated()), jobSpec: { $case: 'mantis' as const, value: {} } },
        ['mantis.jobSLA', 'mantis.name', 'mantis.stages', 'owner'],
      ],
    ])('refuses %s', async (_, descriptor, fields) => {
      const failure = await create(descriptor, nobody);
      expect(failure.status).toBe(status.INVALID_ARGUMENT);
      expect(failure.fields.toSorted()).toEqual(fields);
    });

    it('repeats the violations in its message', async () => {
      const failure = await create(batch({ image: { name: 'a' }, resources: { cpu: '0' } }));
      expect(failure.message).toContain('containers["main"].resources.cpu: ');
    });

    it('stores nothing of a refused job', async () => {
      const before = await caller.call(methods.findJobs, {
        page: undefined,
        fiterlingCriteria: {},
        fields: [],
      });
      await create({});
      const after = await caller.call(methods.findJobs, {
        page: undefined,
        fiterlingCriteria: {},
        fields: [],
      });
      expect(after.response.pagination?.totalItems).toBe(before.response.pagination?.totalItems);
    });
  });

  it.each(['findJob', 'killJob', 'findTask', 'killTask'] as const)(
    '%s: NOT_FOUND with the id, or what is no id',
    async (name) => {
      const id = name.endsWith('Task') ? unknownTask : unknownJob;
      const unknown = await caller.failure<{ id: string }, unknown>(methods[name], { id });
      expect(unknown.status).toBe(status.NOT_FOUND);
      expect(unknown.message).toContain(id);
      for (const bad of ['', tooLong]) {
        const failure = await caller.failure<{ id: string }, unknown>(methods[name], { id: bad });
        expect([failure.status, failure.fields]).toEqual([status.INVALID_ARGUMENT, ['id']]);
      }
    },
  );

  it('FindTask and KillTask: NOT_FOUND for a task that a job never had', async () => {
    const id = `${liveService}.7-0`;
    expect((await caller.failure(methods.findTask, { id })).status).toBe(status.NOT_FOUND);
    expect((await caller.failure(methods.killTask, { id })).status).toBe(status.NOT_FOUND);
  });

  it('FindTasks: NOT_FOUND for an unknown job, and all faults of a query at once', async () => {
    const query = { jobId: unknownJob, page: undefined, fiterlingCriteria: {}, fields: [] };
    expect((await caller.failure(methods.findTasks, query)).status).toBe(status.NOT_FOUND);
    const bad = await caller.failure(methods.findTasks, {
      jobId: '',
      page: { pageNumber: -1, pageSize: 0 },
      fiterlingCriteria: { taskStates: 'HAPPY', colour: 'blue' },
      fields: ['state.reason', 'nope'],
    });
    expect(bad.status).toBe(status.INVALID_ARGUMENT);
    expect(bad.fields.toSorted()).toEqual([
      'fields[1]',
      'fiterlingCriteria["colour"]',
      'fiterlingCriteria["taskStates"]',
      'jobId',
      'page.pageNumber',
      'page.pageSize',
    ]);
  });

  it('FindJobs: names all faults of a query at once', async () => {
    const bad = await caller.failure(methods.findJobs, {
      page: { pageNumber: 0, pageSize: 5001 },
      fiterlingCriteria: { jobState: 'HAPPY', jobType: 'cron', 'labels.op': 'xor', appName: ' ' },
      fields: ['jobDescriptor.colour'],
    });
    expect(bad.status).toBe(status.INVALID_ARGUMENT);
    expect(bad.fields.toSorted()).toEqual([
      'fields[0]',
      'fiterlingCriteria["appName"]',
      'fiterlingCriteria["jobState"]',
      'fiterlingCriteria["jobType"]',
      'fiterlingCriteria["labels.op"]',
      'page.pageSize',
    ]);
  });

  it('UpdateJobInstances: refuses counts that contradict, batch jobs, ended jobs and unknown ones', async () => {
    expect((await update(unknownJob, { desired: 1 })).status).toBe(status.NOT_FOUND);
    expect((await update('', { desired: 1 })).fields).toEqual(['jobId']);
    expect((await update(liveService, {})).fields).toEqual(['instances']);
    expect((await update(liveService, { min: 5, max: 2 })).fields).toEqual(['instances']);
    expect((await update(liveService, { desired: 10_001 })).fields).toEqual(['instances.desired']);
    expect((await update(liveBatch, { desired: 2 })).fields).toEqual(['jobId']);
    const ended = await update(finished, { desired: 2 });
    expect([ended.status, ended.message.includes(finished)]).toEqual([status.FAILED_PRECONDITION, true]);
  });

  it('UpdateJobStatus: refuses batch jobs, ended jobs and unknown ones', async () => {
    const failure = (id: string) => caller.failure(methods.updateJobStatus, { id, enableStatus: true });
    expect((await failure(unknownJob)).status).toBe(status.NOT_FOUND);
    expect((await failure('')).fields).toEqual(['id']);
    expect((await failure(liveBatch)).fields).toEqual(['id']);
    expect((await failure(finished)).status).toBe(status.FAILED_PRECONDITION);
  });

  it('KillJob and KillTask: an ended job or task stays unchanged', async () => {
    const before = await caller.find(finished);
    await caller.kill(finished);
    await caller.killTask(before.tasks[0]?.id ?? '');
    expect(await caller.find(finished)).toEqual(before);
    expect(before.jobState?.state).toBe(State.FINISHED);
  });

  it('ObserveJob: the stream ends with NOT_FOUND for an unknown job', async () => {
    const stream = caller.observeJob(unknownJob);
    expect(await stream.ended()).toBe(status.NOT_FOUND);
    expect(stream.received).toEqual([]);
  });

  it('names the header of a caller identity that is too long', async () => {
    const wordy = cell.caller(0, { 'berth-caller-id': tooLong, 'berth-caller-email': tooLong });
    const failure = await create(batch(simulated()), wordy);
    expect(failure.fields.toSorted()).toEqual(['berth-caller-email', 'berth-caller-id']);
  });

  it('names an invalid idempotency key or revision', async () => {
    const key = { headers: { 'idempotency-key': tooLong } };
    const request = JobDescriptor.fromPartial(batch(simulated()));
    expect((await caller.failure(methods.createJob, request, key)).fields).toEqual([
      'metadata idempotency-key',
    ]);
    const revision = { headers: { 'berth-min-revision': 'newest' } };
    const failure = await caller.failure(methods.findJob, { id: finished }, revision);
    expect(failure.fields).toEqual(['metadata berth-min-revision']);
  });

  it('answers each RPC of the contract, or says UNIMPLEMENTED with its name', async () => {
    const missing: string[] = [];
    for (const { path } of [...Object.values(methods), ...Object.values(jobV1)]) {
      const { code, details } = await statusOf(cell.address(), path);
      if (code !== status.UNIMPLEMENTED) continue;
      expect(details).toContain(nameOf(path));
      missing.push(nameOf(path));
    }
    expect(jobsAndTasks.filter((name) => missing.includes(name))).toEqual([]);
  });

  it('logs no error of the gateway for any of these', () => {
    expect(cell.errors()).toEqual([]);
  });
});

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Resolves with the end of a call with an empty request, for every kind of call. A call that begins to
 * answer exists.
 */
function statusOf(address: string, path: string): Promise<{ code: number; details: string }> {
  const client = new Client(address, credentials.createInsecure());
  const empty = Buffer.alloc(0);
  return new Promise((resolve) => {
    const call = client.makeServerStreamRequest(
      path,
      () => empty,
      (bytes) => bytes,
      undefined,
    );
    call.on('error', () => undefined);
    call.on('data', () => call.cancel());
    call.on('status', ({ code, details }) => {
      client.close();
      resolve({ code, details });
    });
  });
}
