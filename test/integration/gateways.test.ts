import { BerthClient } from '@berth/client';
import {
  JobDescriptor,
  JobInstancesUpdate,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { status } from '@grpc/grpc-js';
import { firstValueFrom, lastValueFrom } from 'rxjs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectAgreement } from '../support/callers/agreement.js';
import { batch, codeIn, isJobOver, retries, runs, service, simulated } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { LogPause } from '../support/cells/pausable-store.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

describe.skipIf(skipRedisTests !== false)('two gateways of one cell', () => {
  let cell: TestCell;
  let first: TitusCaller;
  let second: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start({ gateways: 2 });
    first = cell.caller(0);
    second = cell.caller(1);
  });
  afterAll(() => closeCleanly(cell));

  const atLeast = (revision: number) => ({ headers: { 'berth-min-revision': String(revision) } });

  it('let a caller read its own writes at once, at either of them', async () => {
    for (let round = 0; round < 20; round += 1) {
      const descriptor = JobDescriptor.fromPartial(service(simulated(), { tasks: 0 }));
      const created = await first.call(methods.createJob, descriptor);
      const { id } = created.response;
      const found = await second.call(methods.findJob, { id }, atLeast(created.revision));
      expect(found.response.id).toBe(id);
      expect(found.revision).toBeGreaterThanOrEqual(created.revision);
      const update = JobInstancesUpdate.fromPartial({ jobId: id, instances: { max: 7 } });
      const updated = await second.call(methods.updateJobInstances, update, atLeast(created.revision));
      const spec = (await first.find(id, atLeast(updated.revision))).jobDescriptor?.jobSpec?.value;
      expect(spec).toMatchObject({ instances: { max: 7 } });
      const killed = await second.call(methods.killJob, { id }, atLeast(updated.revision));
      const list = await first.call(methods.findJobs, queryOf(id), atLeast(killed.revision));
      expect(list.response.items.map((job) => job.id)).toEqual([id]);
    }
  });

  it('answer a read of a revision that never comes with DEADLINE_EXCEEDED', async () => {
    const id = await first.create(batch(simulated({ runMs: 0 })));
    const options = { ...atLeast(1_000_000), deadlineMs: 200 };
    expect((await second.failure(methods.findJob, { id }, options)).status).toBe(status.DEADLINE_EXCEEDED);
  });

  it('make one job of all requests with the same idempotency key, at both of them', async () => {
    const descriptor = batch(simulated({ runMs: 0 }));
    const keyed = { headers: { 'idempotency-key': 'once' } };
    const ids = await Promise.all(
      Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? first : second).create(descriptor, keyed)),
    );
    expect(new Set(ids).size).toBe(1);
    await first.until(ids[0] ?? '', isJobOver, 'ends');
    expect(await second.create(descriptor, keyed)).toBe(ids[0]);
    const otherCaller = { 'berth-caller-id': 'eve', 'berth-caller-email': 'eve@example.com' };
    expect(await cell.caller(1, otherCaller).create(descriptor, keyed)).not.toBe(ids[0]);
  });

  it('let only one live job hold a job group name', async () => {
    const group = { appName: 'web', jobGroupInfo: { stack: 'main', detail: 'blue', sequence: '001' } };
    const named = { ...service(simulated()), ...group };
    const outcomes = await Promise.allSettled([
      first.create(named),
      second.create(named),
      first.create(named),
    ]);
    const created = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(created).toHaveLength(1);
    const [id = ''] = created;
    const refused = await second.failure(methods.createJob, JobDescriptor.fromPartial(named));
    expect([refused.status, refused.message.includes(id)]).toEqual([status.RESOURCE_EXHAUSTED, true]);
    await second.kill(id);
    await first.until(id, isJobOver, 'ends');
    const next = await second.create(named);
    await first.kill(next);
    await first.until(next, isJobOver, 'ends');
  });

  it('never lose an update: each of many concurrent ones is applied or refused', async () => {
    const id = await first.create(service(simulated(), { tasks: 0 }));
    const maxima = Array.from({ length: 20 }, (_, index) => index);
    const outcomes = await Promise.allSettled(
      maxima.map((max) => {
        const update = JobInstancesUpdate.fromPartial({ jobId: id, instances: { max: 100 + max } });
        return (max % 2 === 0 ? first : second).call(methods.updateJobInstances, update);
      }),
    );
    const done = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [outcome.value.revision] : [],
    );
    const codes = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []));
    expect(codes.every((code) => code === status.ABORTED)).toBe(true);
    // Each update that succeeded is a commit of its own; the last one stands.
    expect(new Set(done).size).toBe(done.length);
    const last = outcomes.findIndex(
      (outcome) => outcome.status === 'fulfilled' && outcome.value.revision === Math.max(...done),
    );
    const spec = (await first.find(id, atLeast(Math.max(...done)))).jobDescriptor?.jobSpec?.value;
    expect(spec).toMatchObject({ instances: { max: 100 + last } });
    await first.kill(id);
  });

  it('are interchangeable: a client continues with the other one, and misses nothing', async () => {
    const spare = await TestCell.start({ gateways: 2 });
    const client = BerthClient.connect({ addresses: [spare.address(0), spare.address(1)] });
    const owner = { ownerEmail: 'ann@example.com', teamEmail: 'ann@example.com' };
    const { id } = await client.createJob({ ...batch(simulated(), { tasks: 3 }), owner });
    const { tasks: running } = await spare.caller(1).until(id, runs(3), 'runs');
    const reconnects: Error[] = [];
    const views = client.followJob(id, {
      reconnect: true,
      onReconnect: (cause) => void reconnects.push(cause),
    });
    const end = lastValueFrom(views);
    await firstValueFrom(client.followJob(id, { reconnect: true }));
    await spare.stopGateway(0);
    await waitFor(() => reconnects.length > 0, { what: 'the client has lost its gateway' });
    for (const task of running) spare.finish(task);
    const { state, isFinal, tasks } = await end;
    expect({ state, isFinal, tasks: tasks.size }).toEqual({ state: State.FINISHED, isFinal: true, tasks: 3 });
    expect(reconnects.map((error) => 'code' in error && error.code)).toEqual(['unavailable']);
    client.close();
    await spare.close();
  });

  it('show the same cell to one that starts later', async () => {
    const id = await first.create(service(simulated(), { tasks: 2, retryPolicy: retries(1) }));
    await first.until(id, runs(2), 'runs');
    await cell.startGateway();
    expect(await cell.caller(2).find(id)).toEqual(await first.find(id));
    await first.kill(id);
    await first.until(id, isJobOver, 'ends');
  });
});

describe.skipIf(skipRedisTests !== false)(
  'a gateway that falls so far behind that the change log is trimmed',
  () => {
    const log = new LogPause();
    let cell: TestCell;
    let caller: TitusCaller;

    const start = async (masterEnv: Readonly<Record<string, string>>) => {
      cell = await TestCell.start({
        gateways: 2,
        logLength: 20,
        gatewayStore: (store, index) => (index === 0 ? log.wrap(store) : store),
        masterEnv,
      });
      caller = cell.caller();
    };
    afterEach(() => closeCleanly(cell));

    /** A read that waited for changes when the pause began still returns the first of them. */
    const readMeanwhile = 5;

    /**
     * The gateway sees nothing. In the meantime jobs come through the other one and end, until the log no
     * longer reaches back to the gateway's revision.
     */
    const fallBehind = async (first?: () => Promise<void>) => {
      const seen = (await caller.call(methods.findJobs, queryOf())).revision;
      log.pause();
      await first?.();
      const ids: string[] = [];
      await waitFor(
        async () => {
          ids.push(await cell.caller(1).create(batch(simulated({ runMs: 0 }))));
          return (await cell.firstLogged()) > seen + readMeanwhile;
        },
        { what: 'the log is trimmed', intervalMs: 0 },
      );
      log.resume();
      return ids;
    };

    it('takes a new snapshot, and its subscribers get every missed change', async () => {
      await start({});
      const lasting = await caller.create(service(simulated(), { tasks: 2 }));
      await caller.until(lasting, runs(2), 'runs');
      const stream = caller.observeJobs();
      await stream.until(({ model }) => model.isLive, 'the snapshot is over');
      const ids = await fallBehind();
      await stream.until(
        ({ model }) => ids.every((id) => model.jobs.get(id)?.isFinished),
        'the stream reports all ends',
      );
      expect(cell.lines.some(({ msg }) => msg === 'the new snapshot is in place')).toBe(true);
      for (const id of [lasting, ...ids]) await expectAgreement(stream, caller, id);
      stream.cancel();
    });

    it('ends its streams with ABORTED where the snapshot cannot contain the ends of tasks', async () => {
      await start({ BERTH_MASTER_FINISHED_RETENTION: '1ms' });
      const lasting = await caller.create(service(simulated(), { tasks: 2 }));
      const [victim] = (await caller.until(lasting, runs(2), 'runs')).tasks;
      const stream = caller.observeJob(lasting);
      await stream.until(({ model }) => model.isLive, 'the snapshot is over');
      await fallBehind(async () => {
        await cell.caller(1).killTask(victim?.id ?? '');
        await waitFor(async () => !(await cell.stored(`task/${victim?.id}`)), { what: 'the task has left' });
      });
      expect(await stream.ended()).toBe(status.ABORTED);
      const again = caller.observeJob(lasting);
      await again.until(({ model }) => model.isLive, 'the new snapshot is over');
      expect([...again.tasks.keys()]).toEqual(expect.not.arrayContaining([victim?.id]));
      // The archive still returns jobs that have left the cell.
      expect(codeIn(await caller.findTask(victim?.id ?? ''))).toBe('killed');
      again.cancel();
    });
  },
);

function queryOf(id?: string) {
  return { page: undefined, fiterlingCriteria: id === undefined ? {} : { jobIds: id }, fields: [] };
}
