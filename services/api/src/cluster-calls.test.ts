import {
  type DeepPartial,
  JobClusterDescriptor,
  type JobClusterNotification,
  JobManagementServiceService as methods,
  State,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import type { CommitRequest, CommitResult } from '@berth/store';
import { MemoryStore } from '@berth/store/memory';
import { type ClientReadableStream, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { aBatchJob, aServiceJob } from './testing/fixtures.js';
import { type CallOptions, codeOf, decide, RunningGateway } from './testing/running-gateway.js';
import { statusWrite } from './testing/scripted-cell.js';

/** A store that can hold commits back. */
class SlowStore extends MemoryStore {
  #isHolding = false;
  #held: (() => void)[] = [];

  /** Resolves when so many commits are held back, all that come from now on. */
  async hold(count: number): Promise<void> {
    this.#isHolding = true;
    await vi.waitFor(() => expect(this.#held).toHaveLength(count));
  }

  /** Lets the held ones go, beginning with the one at this place. */
  letGo(first: number): void {
    this.#isHolding = false;
    const held = this.#held.splice(0);
    for (const go of [...held.slice(first), ...held.slice(0, first)]) go();
  }

  override async commit(request: CommitRequest): Promise<CommitResult> {
    if (this.#isHolding) await new Promise<void>((resolve) => this.#held.push(resolve));
    return super.commit(request);
  }
}

let store: SlowStore;
let gateway: RunningGateway;
const streams: ClientReadableStream<JobClusterNotification>[] = [];

beforeEach(async () => {
  store = new SlowStore();
  gateway = await RunningGateway.start(store);
});

afterEach(async () => {
  for (const stream of streams.splice(0)) stream.cancel();
  await gateway.close();
  await store.close();
});

function aCluster(fields: DeepPartial<JobClusterDescriptor> = {}): JobClusterDescriptor {
  return JobClusterDescriptor.fromPartial({
    name: 'nightly',
    owner: { ownerEmail: 'ada@example.org', teamEmail: 'engines@example.org' },
    clusterSpec: { $case: 'batch', value: {} },
    ...fields,
  });
}

async function createCluster(fields: DeepPartial<JobClusterDescriptor> = {}, options: CallOptions = {}) {
  return (await gateway.call(methods.createJobCluster, aCluster(fields), options)).response.id;
}

const jobIn = (clusterId: string) => ({ labels: { 'berth.jobClusterId': clusterId } });
const query = (fiterlingCriteria: Record<string, string> = {}, fields: string[] = []) => ({
  page: undefined,
  fiterlingCriteria,
  fields,
});
const findCluster = async (id: string) => (await gateway.call(methods.findJobCluster, { id })).response;
const remove = (id: string) => gateway.call(methods.removeJobCluster, { id });
const enable = (id: string, enableStatus: boolean) =>
  gateway.call(methods.updateJobClusterStatus, { id, enableStatus });
const endJob = (id: string) => decide(store, [statusWrite(id, State.FINISHED, 'killed')]);

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

/** Returns the messages of a stream, with one word or two for each. */
function watch(stream: ClientReadableStream<JobClusterNotification>): { received: string[]; code?: number } {
  const watcher: { received: string[]; code?: number } = { received: [] };
  streams.push(stream);
  stream.on('data', ({ notification }: JobClusterNotification) => {
    watcher.received.push(notification === undefined ? 'nothing' : describeNotification(notification));
  });
  stream.on('error', () => {});
  stream.on('status', ({ code }) => {
    watcher.code = code;
  });
  return watcher;
}

function describeNotification(notification: NonNullable<JobClusterNotification['notification']>): string {
  const { $case, value } = notification;
  if ($case === 'jobClusterSnapshot') return `${$case} ${value.jobCluster?.id} [${value.jobIds}]`;
  if ($case === 'jobAdded' || $case === 'jobFinished') return `${$case} ${value.jobId}`;
  if ($case === 'jobClusterDefinitionUpdate') return `${$case} ${value.id} ${value.descriptor?.name}`;
  return $case === 'jobClusterRemoved' ? `${$case} ${value.id}` : $case;
}

describe('job clusters', () => {
  it('are created, found, listed by page and filter, and projected', async () => {
    const ids = [
      await createCluster(),
      await createCluster({ name: 'web', clusterSpec: { $case: 'service', value: {} } }),
    ];
    expect(await findCluster(ids[0] ?? '')).toEqual({ id: ids[0], descriptor: aCluster() });
    const list = async (criteria: Record<string, string>) =>
      (await gateway.call(methods.findJobClusters, query(criteria))).response.items.map(({ id }) => id);
    expect(await list({})).toEqual(['default', ...ids]);
    expect(await list({ jobType: 'service' })).toEqual([ids[1]]);
    expect(await list({ name: 'nightly,other' })).toEqual([ids[0]]);
    expect(await list({ owner: 'engines@example.org' })).toEqual(ids);
    await enable(ids[0] ?? '', false);
    expect(await list({ enabled: 'false' })).toEqual([ids[0]]);
    const one = await gateway.call(methods.findJobClusters, {
      ...query({ jobClusterIds: ids[0] ?? '' }, ['descriptor.owner.teamEmail']),
    });
    expect(one.response.items).toEqual([
      {
        id: ids[0],
        descriptor: JobClusterDescriptor.fromPartial({
          name: 'nightly',
          owner: { teamEmail: 'engines@example.org' },
        }),
      },
    ]);
  });

  it('are refused with all violations', async () => {
    const create = (fields: DeepPartial<JobClusterDescriptor>) =>
      gateway.call(methods.createJobCluster, aCluster(fields));
    expect(await fieldsRefused(create({ name: '', owner: undefined }))).toEqual(['name', 'owner']);
    const mantis = { $case: 'mantis' as const, value: { min: 2, max: 1 } };
    expect(await fieldsRefused(create({ clusterSpec: mantis }))).toEqual(['mantis.min']);
    expect(
      await fieldsRefused(gateway.call(methods.findJobClusters, query({ moon: '1' }, ['descriptor.moon']))),
    ).toEqual(['fiterlingCriteria["moon"]', 'fields[0]']);
    for (const method of [methods.findJobCluster, methods.removeJobCluster]) {
      expect(await codeOf(gateway.call<{ id: string }, unknown>(method, { id: 'none' }))).toBe(
        status.NOT_FOUND,
      );
      expect(await fieldsRefused(gateway.call<{ id: string }, unknown>(method, { id: '' }))).toEqual(['id']);
    }
    expect(await codeOf(enable('none', true))).toBe(status.NOT_FOUND);
    expect(await codeOf(gateway.call(methods.updateJobCluster, { id: 'none', descriptor: aCluster() }))).toBe(
      status.NOT_FOUND,
    );
  });

  it('are created once for repeated requests', async () => {
    const repeat = { headers: { 'idempotency-key': 'k', 'berth-caller-id': 'ada' } };
    const id = await createCluster({}, repeat);
    expect(await createCluster({ name: 'other' }, repeat)).toBe(id);
    // The keys of jobs are others.
    expect(await gateway.create(aBatchJob(), repeat)).not.toBe(id);
  });

  it('give their template to jobs that name them, by label or by header', async () => {
    const template = {
      appName: 'report',
      labels: { tier: 'gold', team: 'ui' },
      containers: { main: { image: { name: 'busybox:1' }, env: { A: '1' }, resources: { cpu: '2' } } },
      jobSpec: { $case: 'batch' as const, value: { runtimeLimitSecs: 60 } },
    };
    const clusterId = await createCluster({ jobDescriptor: template });
    const own = aBatchJob({
      labels: { team: 'core' },
      containers: { main: { env: { B: '2' } } },
      jobSpec: undefined as never,
    });
    const id = await gateway.create(own, { headers: { 'berth.jobClusterId': clusterId } });
    expect(await gateway.find(id)).toMatchObject({
      jobClusterId: clusterId,
      jobDescriptor: {
        appName: 'report',
        labels: { tier: 'gold', team: 'core' },
        containers: { main: { env: { A: '1', B: '2' }, resources: { cpu: '2' } } },
        jobSpec: { $case: 'batch', value: { runtimeLimitSecs: 60 } },
      },
    });
    expect((await gateway.find(await gateway.create(aBatchJob(jobIn(clusterId))))).jobClusterId).toBe(
      clusterId,
    );
    expect(await fieldsRefused(gateway.create(aServiceJob(jobIn(clusterId))))).toEqual(['service']);
    expect(await fieldsRefused(gateway.create(aBatchJob(jobIn('none'))))).toEqual([
      'labels["berth.jobClusterId"]',
    ]);
    const listed = await gateway.call(methods.findJobs, query({ jobClusterIds: clusterId }));
    expect(listed.response.items).toHaveLength(2);
  });

  it('keep an owner that an update leaves out, and their kind', async () => {
    const id = await createCluster();
    const update = (descriptor: JobClusterDescriptor | undefined) =>
      gateway.call(methods.updateJobCluster, { id, descriptor });
    const { revision } = await update(aCluster({ name: 'new', owner: undefined }));
    expect((await findCluster(id)).descriptor).toMatchObject({
      name: 'new',
      owner: { ownerEmail: 'ada@example.org' },
    });
    expect((await update(aCluster({ name: 'new' }))).revision).toBe(revision);
    expect(await fieldsRefused(update(undefined))).toEqual(['descriptor']);
    expect(
      await fieldsRefused(update(aCluster({ name: '', clusterSpec: { $case: 'service', value: {} } }))),
    ).toEqual(['descriptor.name', 'descriptor.service']);
  });

  it('start no job while they are disabled', async () => {
    const id = await createCluster();
    const running = await gateway.create(aBatchJob(jobIn(id)));
    await enable(id, false);
    expect(await codeOf(gateway.create(aBatchJob(jobIn(id))))).toBe(status.FAILED_PRECONDITION);
    expect((await gateway.find(running)).jobState?.state).toBe(State.QUEUED);
    await enable(id, true);
    expect(await codeOf(gateway.create(aBatchJob(jobIn(id))))).toBe(status.OK);
  });

  it('have a built-in one, which can be changed and disabled but not removed', async () => {
    expect(await findCluster('default')).toMatchObject({ id: 'default', descriptor: { name: 'default' } });
    expect(await codeOf(remove('default'))).toBe(status.FAILED_PRECONDITION);
    const descriptor = aCluster({
      name: 'default',
      clusterSpec: undefined as never,
      jobDescriptor: { labels: { cell: 'ours' } },
    });
    await gateway.call(methods.updateJobCluster, { id: 'default', descriptor });
    expect((await gateway.find(await gateway.create())).jobDescriptor?.labels).toMatchObject({
      cell: 'ours',
    });
    await enable('default', false);
    expect(await codeOf(gateway.create())).toBe(status.FAILED_PRECONDITION);
    await enable('default', true);
    expect(await codeOf(gateway.create())).toBe(status.OK);
  });

  it('are removed only without live jobs, and stay unchanged after a refusal', async () => {
    const id = await createCluster();
    const job = await gateway.create(aBatchJob(jobIn(id)));
    expect(await codeOf(remove(id))).toBe(status.FAILED_PRECONDITION);
    expect(await codeOf(gateway.create(aBatchJob(jobIn(id))))).toBe(status.OK);
    for (const { id: live } of (await gateway.call(methods.findJobs, query({ jobClusterIds: id }))).response
      .items)
      await endJob(live);
    await vi.waitFor(async () => expect(await codeOf(remove(id))).toBe(status.OK));
    expect(await codeOf(gateway.call(methods.findJobCluster, { id }))).toBe(status.NOT_FOUND);
    expect(await codeOf(gateway.create(aBatchJob(jobIn(id))))).toBe(status.INVALID_ARGUMENT);
    // The job keeps the name of its cluster.
    expect((await gateway.find(job)).jobClusterId).toBe(id);
  });

  it('never lose a job that is created during their removal', async () => {
    const other = await RunningGateway.start(store);
    const outcomes = new Set<number>();
    for (let round = 0; round < 16; round += 1) {
      const id = await createCluster();
      await vi.waitFor(async () =>
        expect(await codeOf(other.call(methods.findJobCluster, { id }))).toBe(status.OK),
      );
      const held = store.hold(4);
      const creating = Array.from({ length: 3 }, () => codeOf(other.create(aBatchJob(jobIn(id)))));
      const removing = codeOf(remove(id));
      await held;
      store.letGo(round % 4);
      const [removed, ...created] = await Promise.all([removing, ...creating]);
      outcomes.add(removed ?? status.UNKNOWN);
      const isThere = (await codeOf(gateway.call(methods.findJobCluster, { id }))) === status.OK;
      if (removed === status.OK) {
        expect(isThere).toBe(false);
        expect(created).not.toContain(status.OK);
      } else {
        expect(removed).toBe(status.FAILED_PRECONDITION);
        expect(isThere).toBe(true);
        expect(created).toContain(status.OK);
        expect(await codeOf(gateway.create(aBatchJob(jobIn(id))))).toBe(status.OK);
      }
    }
    expect(outcomes).toEqual(new Set([status.OK, status.FAILED_PRECONDITION]));
    await other.close();
  });
});

describe('ObserveJobCluster', () => {
  it('sends a cluster and its live jobs, then changes, and ends with its removal', async () => {
    const id = await createCluster();
    const first = await gateway.create(aBatchJob(jobIn(id)));
    const watcher = watch(gateway.client.observeJobCluster({ id }));
    await vi.waitFor(() =>
      expect(watcher.received).toEqual([`jobClusterSnapshot ${id} [${first}]`, 'snapshotEnd']),
    );
    await gateway.create();
    const second = await gateway.create(aBatchJob(jobIn(id)));
    await gateway.call(methods.updateJobCluster, { id, descriptor: aCluster({ name: 'new' }) });
    for (const job of [first, second]) await endJob(job);
    await vi.waitFor(async () => expect(await codeOf(remove(id))).toBe(status.OK));
    await vi.waitFor(() => expect(watcher.code).toBe(status.OK));
    expect(watcher.received.slice(2)).toEqual([
      `jobAdded ${second}`,
      `jobClusterDefinitionUpdate ${id} new`,
      `jobFinished ${first}`,
      `jobFinished ${second}`,
      `jobClusterRemoved ${id}`,
    ]);
  });

  it('fails with NOT_FOUND for an unknown cluster', async () => {
    const watcher = watch(gateway.client.observeJobCluster({ id: 'none' }));
    await vi.waitFor(() => expect(watcher.code).toBe(status.NOT_FOUND));
  });
});

describe('ObserveJobClusters', () => {
  it('sends all clusters, then those that come and go', async () => {
    const id = await createCluster();
    const watcher = watch(gateway.client.observeJobClusters({}));
    await vi.waitFor(() =>
      expect(watcher.received).toEqual([
        'jobClusterSnapshot default []',
        `jobClusterSnapshot ${id} []`,
        'snapshotEnd',
      ]),
    );
    const another = await createCluster({ name: 'another' });
    const job = await gateway.create();
    await remove(id);
    await vi.waitFor(() =>
      expect(watcher.received.slice(3)).toEqual([
        `jobClusterDefinitionUpdate ${another} another`,
        `jobAdded ${job}`,
        `jobClusterRemoved ${id}`,
      ]),
    );
    expect(watcher.code).toBeUndefined();
  });
});
