import { ClusterRunsRecord, EndedRun } from '@berth/shared/gen/berth/v1/store';
import {
  CancelInstancesRequest,
  JobState,
  JobServiceService as jobV1,
  LookupInstancesRequest,
  type Query,
  ScheduleJobRequest,
} from '@berth/shared/gen/job/v1/job_service';
import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import { MemoryStore } from '@berth/store/memory';
import { encodeRecord } from '@berth/store/wire';
import { Client, credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxInstancesPerAnswer, totalKey } from '../commands/job-v1-calls.js';
import { maxAnswerBytes } from '../gateway/core/limits.js';
import { aBatchJob } from '../testing/fixtures.js';
import { archiveJob, codeOf, decide, RunningGateway } from '../testing/running-gateway.js';
import { clusterWrite, jobWrite, moveWrite, statusWrite, taskWrite } from '../testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway;

const template = {
  labels: { 'berth.description': 'sends mail' },
  containers: { main: { image: { name: 'busybox:1' }, command: ['send'] } },
  jobSpec: { $case: 'batch' as const, value: {} },
};

function kind(id: string, name = id) {
  const clusterSpec = { $case: 'batch' as const, value: {} };
  return clusterWrite(id, { descriptor: { name, clusterSpec, jobDescriptor: template } });
}

beforeEach(async () => {
  store = new MemoryStore();
  await decide(store, [kind('c-email', 'email'), kind('c-report', 'report')]);
  gateway = await RunningGateway.start(store, { BERTH_IMAGE_RESOLUTION: 'off' });
});

afterEach(async () => {
  await gateway.close();
  await store.close();
});

const asAda = { headers: { 'berth-caller-id': 'ada', 'berth-caller-email': 'ada@example.org' } };

async function schedule(fields: Partial<ScheduleJobRequest> = {}, headers: Record<string, string> = {}) {
  const request = ScheduleJobRequest.fromPartial({ kind: 'email', ...fields });
  const options = { headers: { ...asAda.headers, ...headers } };
  const { response } = await gateway.call(jobV1.scheduleJob, request, options);
  if (response.instance === undefined) throw new Error('no instance');
  return response.instance;
}

async function lookup(query: Partial<Query> = {}) {
  const { response } = await gateway.call(
    jobV1.lookupInstances,
    LookupInstancesRequest.fromPartial({ query }),
  );
  return response.instances.map(({ uuid }) => uuid);
}

async function cancel(query: Partial<Query> = {}) {
  const { response } = await gateway.call(
    jobV1.cancelInstances,
    CancelInstancesRequest.fromPartial({ query }),
    asAda,
  );
  return response.instances;
}

async function refusal(call: Promise<unknown>) {
  return fromServiceError(
    await call.then(
      () => new Error('accepted'),
      (error: unknown) => error,
    ),
  );
}

/** Moves the job on, as a master would. */
async function move(jobId: string, state: State, reason = '') {
  const task = taskWrite(`${jobId}.0-0`, { agentId: 'agent-1' });
  await decide(store, [
    statusWrite(jobId, state, reason),
    state === State.QUEUED ? task : moveWrite(task.record, state, reason),
  ]);
}

describe('instances that have left for the archive', () => {
  it('stay listed as the last of their kind, with the way they ended, and are found by uuid', async () => {
    const clusterId = 'c-email';
    const run = EndedRun.fromPartial({
      job: {
        id: 'old',
        clusterId,
        createdAtMs: 1000,
        descriptor: { jobSpec: { $case: 'batch', value: {} } },
      },
      status: { jobId: 'old', state: { state: State.FAILED, reason: 'failed' }, finishedAtMs: 9000 },
      task: {
        task: { id: 'old.0-2', state: { state: State.FAILED, reason: 'failed: exit code 3' } },
        attempt: 2,
        agentId: 'agent-1',
      },
    });
    const record = ClusterRunsRecord.fromPartial({ clusterId, runs: [run] });
    await decide(store, [{ kind: 'clusterRuns', id: clusterId, record }]);
    const { uuid } = await schedule();
    await expect.poll(() => lookup({ kind: 'email' })).toEqual([uuid, 'old']);
    expect(await lookup({ kind: 'report' })).toEqual([]);
    expect(await lookup({ kind: 'email', state: JobState.COMPLETED })).toEqual([]);
    expect(await lookup({ state: JobState.TERMINATED })).toEqual(['old']);
    const { response } = await gateway.call(
      jobV1.lookupInstances,
      LookupInstancesRequest.fromPartial({ query: { uuid: 'old' } }),
    );
    expect(response.instances).toMatchObject([
      { kind: 'email', state: JobState.TERMINATED, error: 'failed: exit code 3', attempts: 3 },
    ]);
    expect(await cancel({ kind: 'email' })).toMatchObject([{ uuid }]);
  });
});

describe('job.v1 at the gateway', () => {
  it('answers on its own port and on the gateway’s', async () => {
    for (const port of [gateway.gateway.jobv1Port, gateway.gateway.grpcPort]) {
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      const { path, requestSerialize, responseDeserialize } = jobV1.getVersion;
      const version = await new Promise((resolve, reject) =>
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, {}, (error, value) =>
          error ? reject(error) : resolve(value),
        ),
      );
      client.close();
      expect(version).toEqual({ version: expect.stringMatching(/^\d+\.\d+\.\d+/), apiVersion: 'v1' });
    }
  });

  it('lists all kinds', async () => {
    const { response } = await gateway.call(jobV1.listRegisteredJobs, {});
    expect(response.jobs.map(({ kind, description }) => [kind, description])).toEqual([
      ['email', 'sends mail'],
      ['report', 'sends mail'],
    ]);
  });
});

describe('ScheduleJob', () => {
  it('creates a job of the kind’s cluster, CREATED, with its arguments after the command', async () => {
    const instance = await schedule({ arguments: ['to', 'ada'], priority: 0 });
    expect(instance).toMatchObject({
      kind: 'email',
      state: JobState.CREATED,
      arguments: ['to', 'ada'],
      attempts: 0,
    });
    expect(instance.createdAt?.seconds).toBeGreaterThan(0);
    const job = await gateway.find(instance.uuid);
    expect(job).toMatchObject({
      jobClusterId: 'c-email',
      jobDescriptor: {
        owner: { ownerEmail: 'ada@example.org' },
        labels: { 'berth.priority': '5' },
        containers: { main: { command: ['send', 'to', 'ada'], image: { name: 'busybox:1' } } },
      },
    });
    expect(await lookup({ uuid: instance.uuid })).toEqual([instance.uuid]);
  });

  it('returns the first instance for a repeated request', async () => {
    const first = await schedule({}, { 'idempotency-key': 'k' });
    expect(await schedule({ arguments: ['other'] }, { 'idempotency-key': 'k' })).toEqual(first);
    expect((await lookup()).length).toBe(1);
  });

  it('is refused if the same key was used for another kind', async () => {
    const first = await schedule({}, { 'idempotency-key': 'k' });
    const { code, message } = await refusal(schedule({ kind: 'report' }, { 'idempotency-key': 'k' }));
    expect([code, message]).toEqual(['failedPrecondition', expect.stringContaining(first.uuid)]);
    // A kind that is gone since is no other.
    await decide(store, [{ kind: 'cluster', id: 'c-email' }]);
    expect((await schedule({}, { 'idempotency-key': 'k' })).uuid).toBe(first.uuid);
  });

  it('is refused for a name that is unknown, no kind, or registered by several clusters', async () => {
    expect(await refusal(schedule({ kind: 'emial' }))).toMatchObject({
      code: 'notFound',
      message: 'There is no registered kind "emial"; did you mean "email"?',
    });
    expect(await refusal(schedule({ kind: '' }))).toMatchObject({ violations: [{ field: 'kind' }] });
    expect(await refusal(schedule({ priority: -7 }))).toMatchObject({ violations: [{ field: 'priority' }] });
    await decide(store, [kind('c-email-2', 'email')]);
    const ambiguous = await refusal(schedule());
    expect([ambiguous.code, ambiguous.message]).toEqual([
      'failedPrecondition',
      expect.stringContaining('c-email, c-email-2'),
    ]);
  });

  it('is refused for a disabled kind, and with arguments that are too long', async () => {
    expect((await refusal(schedule({ arguments: ['x'.repeat(20_000)] }))).violations).toMatchObject([
      { field: 'containers["main"].command' },
    ]);
    const disabled = kind('c-off', 'off');
    await decide(store, [{ ...disabled, record: { ...disabled.record, enabled: false } }]);
    expect(await refusal(schedule({ kind: 'off' }))).toMatchObject({ code: 'failedPrecondition' });
  });
});

describe('LookupInstances', () => {
  it('selects by kind, by uuid and by or-ed states, the newest first', async () => {
    const [first, second, other] = [await schedule(), await schedule(), await schedule({ kind: 'report' })];
    await gateway.create(aBatchJob());
    await move(second.uuid, State.RUNNING);
    await move(other.uuid, State.FAILED, 'failed');
    expect(await lookup()).toEqual([other.uuid, second.uuid, first.uuid]);
    expect(await lookup({ kind: 'email' })).toEqual([second.uuid, first.uuid]);
    expect(await lookup({ uuid: first.uuid, kind: 'report' })).toEqual([]);
    const flags = (JobState.CREATED | JobState.TERMINATED) as JobState;
    expect(await lookup({ state: flags })).toEqual([other.uuid, first.uuid]);
    expect(await lookup({ kind: 'email', state: JobState.PROCESSING })).toEqual([second.uuid]);
    expect(await lookup({ kind: 'email', state: JobState.COMPLETED })).toEqual([]);
    expect(await codeOf(lookup({ kind: 'nonesuch' }))).toBe(status.NOT_FOUND);
    expect(await codeOf(lookup({ state: 128 as JobState }))).toBe(status.INVALID_ARGUMENT);
  });

  it('finds archived instances by uuid, and no other jobs', async () => {
    const { record } = jobWrite('over', { clusterId: 'c-email', descriptor: aBatchJob() });
    const fields = {
      job: encodeRecord('job', record),
      jobStatus: encodeRecord('jobStatus', statusWrite('over', State.FINISHED, 'normal').record),
    };
    await decide(store, [jobWrite('another')], [{ jobId: 'over', fields, ttlMs: 60_000 }]);
    expect(await lookup({ uuid: 'over', kind: 'email', state: JobState.COMPLETED })).toEqual(['over']);
    expect(await lookup({ uuid: 'over', state: JobState.TERMINATED })).toEqual([]);
    await archiveJob(store, 'a-service');
    expect(await lookup({ uuid: 'a-service' })).toEqual([]);
    expect(await lookup({ uuid: await gateway.create(aBatchJob()) })).toEqual([]);
    expect(await lookup({ uuid: 'never-was' })).toEqual([]);
  });

  it('omits the oldest instances that one answer cannot hold, and returns the total', async () => {
    const many = Array.from({ length: maxInstancesPerAnswer + 5 }, (_, index) =>
      jobWrite(`job-${index}`, { clusterId: 'c-email', descriptor: aBatchJob(), createdAtMs: index + 1 }),
    );
    await decide(store, many.slice(0, 900));
    const headers = { 'berth-min-revision': String(await decide(store, many.slice(900))) };
    const request = LookupInstancesRequest.fromPartial({ query: { kind: 'email' } });
    const { response, trailers } = await gateway.call(jobV1.lookupInstances, request, { headers });
    expect(response.instances).toHaveLength(maxInstancesPerAnswer);
    expect(response.instances[0]?.uuid).toBe(`job-${maxInstancesPerAnswer + 4}`);
    expect(trailers.get(totalKey)).toEqual([String(maxInstancesPerAnswer + 5)]);
  });

  it('keeps an answer small enough for any client', async () => {
    const results = ['r'.repeat(64 * 1024)];
    const many = Array.from({ length: 100 }, (_, index) => [
      jobWrite(`job-${index}`, { clusterId: 'c-email', descriptor: aBatchJob() }),
      taskWrite(`job-${index}.0-0`, { results }),
    ]).flat();
    const headers = { 'berth-min-revision': String(await decide(store, many)) };
    const request = LookupInstancesRequest.fromPartial({});
    const { response, trailers } = await gateway.call(jobV1.lookupInstances, request, { headers });
    expect(response.instances.length).toBe(Math.floor(maxAnswerBytes / (64 * 1024 + 100)));
    expect(trailers.get(totalKey)).toEqual(['100']);
  });

  it('cuts off the results of one instance with many slots, and says so', async () => {
    const results = ['r'.repeat(64 * 1024 - 1)];
    const tasks = Array.from({ length: 80 }, (_, slot) => taskWrite(`wide.${slot}-0`, { slot, results }));
    const wide = jobWrite('wide', { clusterId: 'c-email', descriptor: aBatchJob() });
    const headers = { 'berth-min-revision': String(await decide(store, [wide, ...tasks])) };
    const request = LookupInstancesRequest.fromPartial({});
    const { response } = await gateway.call(jobV1.lookupInstances, request, { headers });
    expect(response.instances[0]?.results.at(-1)).toBe('[berth: cut off; kept 39 of 80 lines]');
  });
});

describe('CancelInstances', () => {
  it('refuses a query that selects everything', async () => {
    for (const query of [{}, { kind: '', uuid: '', state: JobState.UNSET }])
      expect(await refusal(cancel(query))).toMatchObject({
        code: 'invalidArgument',
        violations: [{ field: 'query' }],
      });
    expect(await codeOf(gateway.call(jobV1.cancelInstances, CancelInstancesRequest.create()))).toBe(
      status.INVALID_ARGUMENT,
    );
  });

  it('requests the end of live instances, and returns them', async () => {
    const [first, second, done] = [await schedule(), await schedule(), await schedule()];
    const other = await schedule({ kind: 'report' });
    await move(done.uuid, State.FINISHED, 'normal');
    const cancelled = await cancel({ kind: 'email' });
    expect(cancelled.map(({ uuid, state }) => [uuid, state])).toEqual([
      [second.uuid, JobState.CANCELLED],
      [first.uuid, JobState.CANCELLED],
    ]);
    expect(cancelled[0]?.cancelledAt?.seconds).toBeGreaterThan(0);
    expect(await lookup({ state: JobState.CANCELLED })).toEqual([second.uuid, first.uuid]);
    expect(await lookup({ state: JobState.CREATED })).toEqual([other.uuid]);
    expect(await cancel({ kind: 'email' })).toEqual([]);
    expect(await cancel({ uuid: 'never-was' })).toEqual([]);
  });
});

describe('the rate of writes', () => {
  it('limits ScheduleJob and CancelInstances, too', async () => {
    await gateway.close();
    gateway = await RunningGateway.start(store, {
      BERTH_IMAGE_RESOLUTION: 'off',
      BERTH_API_WRITE_RATE: '0.001',
      BERTH_API_WRITE_BURST: '2',
    });
    await schedule();
    await schedule();
    expect(await codeOf(schedule())).toBe(status.RESOURCE_EXHAUSTED);
    expect(await codeOf(cancel({ kind: 'email' }))).toBe(status.RESOURCE_EXHAUSTED);
    expect((await lookup()).length).toBe(2);
  });
});
