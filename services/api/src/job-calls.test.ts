import {
  JobDescriptor,
  JobManagementServiceService as methods,
  State,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { jobGroupClaim } from '@berth/shared/model/job/job';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aBatchJob, aServiceJob } from './testing/fixtures.js';
import { archiveJob, codeOf, decide, RunningGateway } from './testing/running-gateway.js';
import { clusterWrite, moveWrite, statusWrite, taskWrite } from './testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway;

beforeEach(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store);
});

afterEach(async () => {
  await gateway.close();
  await store.close();
});

async function fieldsRefused(call: Promise<unknown>): Promise<string[]> {
  const error = fromServiceError(
    await call.then(
      () => new Error('accepted'),
      (refused: unknown) => refused,
    ),
  );
  expect(error.code).toBe('invalidArgument');
  return error.violations.map(({ field }) => field);
}

describe('CreateJob', () => {
  it('answers with a UUID, and the job can be found at once, complete and QUEUED', async () => {
    const id = await gateway.create();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    const job = await gateway.find(id);
    expect(job).toMatchObject({ id, jobClusterId: 'default', jobState: { state: State.QUEUED }, tasks: [] });
    expect(job.jobDescriptor?.jobSpec?.value).toMatchObject({
      containerId: 'main',
      instances: { desired: 1 },
    });
  });

  it('makes the caller of an unowned job its owner', async () => {
    const id = await gateway.create(aBatchJob({ owner: undefined }), {
      headers: { 'berth-caller-email': 'eve@example.org' },
    });
    expect((await gateway.find(id)).jobDescriptor?.owner?.teamEmail).toBe('eve@example.org');
  });

  it('names every offending field of a bad descriptor at once, and stores nothing', async () => {
    const bad = aBatchJob({
      owner: undefined,
      labels: { titusX: '' },
      containers: { main: { resources: { cpu: '0', memory: 'x' } } },
    });
    expect((await fieldsRefused(gateway.create(bad))).sort()).toEqual([
      'containers["main"].image',
      'containers["main"].resources.cpu',
      'containers["main"].resources.memory',
      'labels["titusX"]',
      'owner',
    ]);
    expect(await fieldsRefused(gateway.create(JobDescriptor.fromPartial({})))).toEqual([
      'containers',
      'jobSpec',
      'owner',
    ]);
    expect(
      (await gateway.call(methods.findJobs, { page: undefined, fiterlingCriteria: {}, fields: [] })).response
        .items,
    ).toEqual([]);
  });

  it('returns the first job for a repeated request', async () => {
    const repeat = { headers: { 'idempotency-key': 'k1', 'berth-caller-id': 'ada' } };
    const ids = await Promise.all([gateway.create(aBatchJob(), repeat), gateway.create(aBatchJob(), repeat)]);
    expect(await gateway.create(aBatchJob(), repeat)).toBe(ids[0]);
    expect(ids[1]).toBe(ids[0]);
    expect(
      await gateway.create(aBatchJob(), { headers: { 'idempotency-key': 'k1', 'berth-caller-id': 'bob' } }),
    ).not.toBe(ids[0]);
    expect(
      await gateway.create(aBatchJob(), { headers: { 'idempotency-key': 'k2', 'berth-caller-id': 'ada' } }),
    ).not.toBe(ids[0]);
  });

  it('does not check a granted request again', async () => {
    const headers = { 'idempotency-key': 'k1' };
    const id = await gateway.create(aBatchJob(), { headers });
    await decide(store, [clusterWrite('default', { enabled: false })]);
    expect(await codeOf(gateway.create(aBatchJob()))).toBe(status.FAILED_PRECONDITION);
    expect(await gateway.create(aBatchJob(), { headers })).toBe(id);
  });

  it('refuses a second live job of the same app, stack, detail and sequence', async () => {
    const twin = aServiceJob({ appName: 'web', jobGroupInfo: { stack: 'main', sequence: '001' } });
    const id = await gateway.create(twin);
    expect(await codeOf(gateway.create(twin))).toBe(status.RESOURCE_EXHAUSTED);
    const claim = jobGroupClaim(twin) ?? '';
    await store.commit({
      actor: 'master',
      writes: [statusWrite(id, State.FINISHED)],
      releaseClaims: [{ name: claim, owner: id }],
    });
    expect(await codeOf(gateway.create(twin))).toBe(status.OK);
  });
});

describe('reads', () => {
  it('show the requested revision at any gateway', async () => {
    const other = await RunningGateway.start(store);
    const { response, revision } = await gateway.call(methods.createJob, aBatchJob());
    const found = await other.call(methods.findJob, response, {
      headers: { 'berth-min-revision': String(revision) },
    });
    expect(found.revision).toBeGreaterThanOrEqual(revision);
    await other.close();
  });

  it('wait no longer than the deadline for a revision that is not reached', async () => {
    const id = await gateway.create();
    const late = gateway.call(
      methods.findJob,
      { id },
      { headers: { 'berth-min-revision': '1000' }, deadlineMs: 100 },
    );
    expect(await codeOf(late)).toBe(status.DEADLINE_EXCEEDED);
    const odd = gateway.call(methods.findJob, { id }, { headers: { 'berth-min-revision': 'soon' } });
    expect(await fieldsRefused(odd)).toEqual(['metadata berth-min-revision']);
  });

  it('distinguish unknown ids from invalid ones', async () => {
    for (const method of [methods.findJob, methods.killJob, methods.findTask, methods.killTask]) {
      expect(await codeOf(gateway.call<{ id: string }, unknown>(method, { id: 'nobody' }))).toBe(
        status.NOT_FOUND,
      );
      expect(await fieldsRefused(gateway.call<{ id: string }, unknown>(method, { id: '' }))).toEqual(['id']);
    }
  });

  it('find archived jobs and tasks', async () => {
    await archiveJob(store, 'old');
    expect(await gateway.find('old')).toMatchObject({
      id: 'old',
      jobState: { state: State.FINISHED },
      tasks: [{ id: 'old.0-0' }],
    });
    expect((await gateway.call(methods.findTask, { id: 'old.0-0' })).response.state?.state).toBe(
      State.FINISHED,
    );
    expect(await codeOf(gateway.call(methods.findTask, { id: 'old.1-0' }))).toBe(status.NOT_FOUND);
    const tasks = await gateway.call(methods.findTasks, {
      jobId: 'old',
      page: undefined,
      fiterlingCriteria: {},
      fields: [],
    });
    expect(tasks.response.items).toHaveLength(1);
  });

  it('page through jobs in the order of their creation, filtered and projected', async () => {
    const ids: string[] = [];
    for (const appName of ['a', 'b', 'a', 'a']) ids.push(await gateway.create(aBatchJob({ appName })));
    const query = (pageNumber: number) => ({
      page: { pageNumber, pageSize: 2 },
      fiterlingCriteria: { appName: 'a' },
      fields: ['jobState'],
    });
    const first = (await gateway.call(methods.findJobs, query(0))).response;
    const second = (await gateway.call(methods.findJobs, query(1))).response;
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual([ids[0], ids[2], ids[3]]);
    expect(first.pagination).toMatchObject({ hasMore: true, totalItems: 3, totalPages: 2 });
    expect(second.items[0]).toMatchObject({
      jobClusterId: '',
      jobDescriptor: { appName: 'a', containers: {} },
    });
  });

  it('continue with a cursor, and miss nothing while jobs come and go', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push(await gateway.create());
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const headers: Record<string, string> = cursor === undefined ? {} : { 'berth-cursor': cursor };
      const query = { page: { pageNumber: 0, pageSize: 2 }, fiterlingCriteria: {}, fields: [] };
      const { response, trailers } = await gateway.call(methods.findJobs, query, { headers });
      seen.push(...response.items.map(({ id }) => id));
      cursor = trailers.get('berth-cursor')[0]?.toString();
      expect(cursor !== undefined).toBe(response.pagination?.hasMore);
      // The jobs of the first page are removed: page numbers would then skip the next ones.
      if (seen.length === 2) await decide(store, [{ kind: 'job', id: ids[0] ?? '' }]);
    } while (cursor !== undefined);
    expect(seen).toEqual(ids);
    const odd = gateway.call(
      methods.findJobs,
      { page: { pageNumber: 1, pageSize: 2 }, fiterlingCriteria: {}, fields: [] },
      { headers: { 'berth-cursor': 'odd!' } },
    );
    expect(await fieldsRefused(odd)).toEqual(['metadata berth-cursor', 'page.pageNumber']);
  });

  it('name all violations of a query', async () => {
    const query = {
      jobId: '',
      page: { pageNumber: -1, pageSize: 0 },
      fiterlingCriteria: { colour: 'red' },
      fields: ['size'],
    };
    expect((await fieldsRefused(gateway.call(methods.findTasks, query))).sort()).toEqual([
      'fields[0]',
      'fiterlingCriteria["colour"]',
      'jobId',
      'page.pageNumber',
      'page.pageSize',
    ]);
  });

  it('list the tasks of one job, filtered', async () => {
    const id = await gateway.create();
    const failed = moveWrite(taskWrite(`${id}.0-0`).record, State.FAILED, 'oom');
    await decide(store, [failed, taskWrite(`${id}.1-0`, { slot: 1, createdAtMs: 2 })]);
    const query = { jobId: id, page: undefined, fiterlingCriteria: { taskStateReasons: 'oom' }, fields: [] };
    await expect
      .poll(async () => (await gateway.call(methods.findTasks, query)).response.items.map((task) => task.id))
      .toEqual([`${id}.0-0`]);
  });
});

describe('UpdateJobInstances', () => {
  const update = (jobId: string, desired?: number) =>
    gateway.call(methods.updateJobInstances, {
      jobId,
      instances: { min: undefined, max: undefined, desired },
    });
  const desiredOf = async (id: string) => {
    const spec = (await gateway.find(id)).jobDescriptor?.jobSpec;
    return spec?.$case === 'service' ? spec.value.instances?.desired : undefined;
  };

  it('changes a service job, and commits nothing without a change', async () => {
    const id = await gateway.create(aServiceJob());
    const { revision } = await update(id, 3);
    expect(await desiredOf(id)).toBe(3);
    expect((await update(id, 3)).revision).toBe(revision);
  });

  it('refuses batch jobs, values out of order, jobs that are ending, and unknown ones', async () => {
    expect(await fieldsRefused(update(await gateway.create(), 2))).toEqual(['jobId']);
    const id = await gateway.create(aServiceJob());
    expect(await fieldsRefused(update(id))).toEqual(['instances']);
    expect(await fieldsRefused(update(id, 20_000))).toEqual(['instances.desired']);
    await gateway.call(methods.killJob, { id });
    expect(await codeOf(update(id, 2))).toBe(status.FAILED_PRECONDITION);
    await archiveJob(store, 'old');
    expect(await codeOf(update('old', 2))).toBe(status.FAILED_PRECONDITION);
    expect(await codeOf(update('none', 2))).toBe(status.NOT_FOUND);
  });

  it('loses no update if many callers change the same job at once', async () => {
    const id = await gateway.create(aServiceJob());
    const other = await RunningGateway.start(store);
    const instances = (field: 'max' | 'desired', value: number) => ({
      min: undefined,
      max: undefined,
      desired: undefined,
      [field]: value,
    });
    const results = await Promise.all(
      [gateway, other].flatMap((each) => [
        codeOf(each.call(methods.updateJobInstances, { jobId: id, instances: instances('max', 77) })),
        codeOf(each.call(methods.updateJobInstances, { jobId: id, instances: instances('desired', 7) })),
      ]),
    );
    expect(results).toEqual([status.OK, status.OK, status.OK, status.OK]);
    await other.close();
    await expect
      .poll(async () => (await gateway.find(id)).jobDescriptor?.jobSpec?.value)
      .toMatchObject({ instances: { desired: 7, max: 77 } });
  });

  it('UpdateJobStatus switches the autoscaling of a service job', async () => {
    const id = await gateway.create(aServiceJob());
    await gateway.call(methods.updateJobStatus, { id, enableStatus: false });
    expect((await gateway.find(id)).jobDescriptor?.jobSpec?.value).toMatchObject({ enabled: false });
  });
});

describe('kills', () => {
  it('write one stop request, however often a job is killed', async () => {
    const id = await gateway.create();
    const first = await gateway.call(methods.killJob, { id }, { headers: { 'berth-caller-id': 'ada' } });
    const second = await gateway.call(methods.killJob, { id });
    expect(second.revision).toBe(first.revision);
  });

  it('of ended jobs and tasks succeed and do nothing', async () => {
    const id = await gateway.create();
    const revision = await decide(store, [
      moveWrite(taskWrite(`${id}.0-0`).record, State.FINISHED),
      statusWrite(id, State.FINISHED),
    ]);
    const headers = { 'berth-min-revision': String(revision) };
    expect((await gateway.call(methods.killJob, { id }, { headers })).revision).toBe(revision);
    expect((await gateway.call(methods.killTask, { id: `${id}.0-0` }, { headers })).revision).toBe(revision);
    await archiveJob(store, 'old');
    expect(await codeOf(gateway.call(methods.killJob, { id: 'old' }))).toBe(status.OK);
    expect(await codeOf(gateway.call(methods.killTask, { id: 'old.0-0' }))).toBe(status.OK);
  });

  it('write the stop request of a task once', async () => {
    const id = await gateway.create();
    const revision = await decide(store, [taskWrite(`${id}.0-0`)]);
    const headers = { 'berth-min-revision': String(revision) };
    const first = await gateway.call(methods.killTask, { id: `${id}.0-0` }, { headers });
    expect(first.revision).toBe(revision + 1);
    expect((await gateway.call(methods.killTask, { id: `${id}.0-0` })).revision).toBe(first.revision);
  });
});
