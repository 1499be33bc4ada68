import {
  StageServiceClient,
  StageServiceService,
  type WatchStagesRequest,
  type WatchStagesResponse,
} from '@berth/shared/gen/berth/v1/stage_service';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { JobManagementServiceService as methods, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { instancesOf } from '@berth/shared/model/job/job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { MemoryStore } from '@berth/store/memory';
import { Replica } from '@berth/store/replica';
import { type ClientReadableStream, credentials, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { aMantisJob, aServiceJob } from './testing/fixtures.js';
import { HttpCaller } from './testing/http-caller.js';
import { codeOf, decide, RunningGateway } from './testing/running-gateway.js';
import { moveWrite, statusWrite, taskWrite } from './testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway;
let other: RunningGateway;

beforeEach(async () => {
  store = new MemoryStore();
  [gateway, other] = [await RunningGateway.start(store), await RunningGateway.start(store)];
});

afterEach(async () => {
  await Promise.all([gateway.close(), other.close()]);
  await store.close();
});

const typed = (userProvidedType: string) => aMantisJob({ jobSLA: { userProvidedType } });
const kill = (id: string) => gateway.call(methods.killJob, { id });

describe('a type of the user’s own', () => {
  it('has one live job in its cluster: another request, at any gateway, gets its id', async () => {
    const first = await gateway.create(typed('orders'));
    expect(await other.create(typed('orders'))).toBe(first);
    expect(await other.create(typed('invoices'))).not.toBe(first);
    expect(await gateway.create(aMantisJob())).not.toBe(first);
  });

  it('creates one job for concurrent requests', async () => {
    const racing = [gateway, other, gateway, other].map((each) => each.create(typed('orders')));
    const ids = new Set(await Promise.all(racing));
    expect(ids.size).toBe(1);
    const { response } = await gateway.call(methods.findJobs, {
      page: undefined,
      fiterlingCriteria: {},
      fields: [],
    });
    expect(response.items.map(({ id }) => id)).toEqual([...ids]);
  });

  it('is free again as soon as the end of its job is requested', async () => {
    const first = await gateway.create(typed('orders'));
    await kill(first);
    const second = await other.create(typed('orders'));
    expect(second).not.toBe(first);
    // The end of the first gives back nothing of the second's.
    await decide(store, [statusWrite(first, State.FINISHED, 'killed')]);
    expect(await gateway.create(typed('orders'))).toBe(second);
    await kill(second);
    expect(await gateway.create(typed('orders'))).not.toBe(second);
  });

  it('is taken over from a job that is ending and still holds it', async () => {
    const first = await gateway.create(typed('orders'));
    const record = await recordOf(first);
    await decide(store, [
      { kind: 'job', id: first, record: { ...record, kill: { atMs: 1, by: 'schedule' } } },
    ]);
    const racing = await Promise.all([gateway.create(typed('orders')), other.create(typed('orders'))]);
    expect(racing[0]).toBe(racing[1]);
    expect(racing[0]).not.toBe(first);
  });

  it('is taken over from a job whose runtime is over', async () => {
    const first = await gateway.create(
      aMantisJob({ jobSLA: { userProvidedType: 'orders', runtimeLimitSecs: 60 } }),
    );
    const record = await recordOf(first);
    await decide(store, [{ kind: 'job', id: first, record: { ...record, createdAtMs: 1 } }]);
    expect(await gateway.create(typed('orders'))).not.toBe(first);
  });

  async function recordOf(id: string) {
    const replica = await Replica.start(store.openLogReader());
    const job = replica.find('job', id);
    await replica.close();
    if (job === undefined) throw new Error(`no job ${id}`);
    return job.record;
  }
});

describe('the instances of a stage', () => {
  const desired = async (id: string) => {
    const descriptor = (await gateway.find(id)).jobDescriptor;
    return [1, 2].map((stage) => descriptor && instancesOf(descriptor, stage).desired);
  };
  const update = (jobId: string, stage?: string) =>
    gateway.call(
      methods.updateJobInstances,
      { jobId, instances: { min: undefined, max: undefined, desired: 5 } },
      stage === undefined ? {} : { headers: { 'berth.stage': stage } },
    );

  it('are changed if the metadata names the stage', async () => {
    const id = await gateway.create(aMantisJob());
    await update(id, '2');
    expect(await desired(id)).toEqual([1, 5]);
  });

  it('are not changed if it names none, or an unknown one', async () => {
    const id = await gateway.create(aMantisJob());
    for (const stage of [undefined, '3', '0', 'two'])
      expect(await codeOf(update(id, stage)), String(stage)).toBe(status.INVALID_ARGUMENT);
    expect(await desired(id)).toEqual([1, 1]);
  });

  it('are changed by the typed call, over gRPC and HTTP', async () => {
    const id = await gateway.create(aMantisJob());
    await gateway.call(StageServiceService.updateStageInstances, {
      jobId: id,
      stage: 1,
      instances: { min: undefined, max: 7, desired: 3 },
    });
    const http = new HttpCaller(gateway.gateway.httpPort);
    const { status: httpStatus } = await http.send('PUT', `/api/v1/jobs/${id}/stages/2/instances`, {
      desired: 4,
    });
    expect(httpStatus).toBe(200);
    expect(await desired(id)).toEqual([3, 4]);
    const refused = await http.send('PUT', `/api/v1/jobs/${id}/stages/9/instances`, { desired: 4 });
    expect(refused.json.violations).toMatchObject([{ field: 'stage' }]);
  });
});

/** A task of a stage that runs and can be reached. */
function worker(id: string, stage: number, slot: number, ip: string): TaskRecord {
  const { record } = taskWrite(`${id}.${stage}-${slot}-0`, { stage, slot, workerNumber: stage * 10 + slot });
  const { task } = moveWrite({ ...record, agentId: 'agent-1' }, State.RUNNING).record;
  const taskContext = { 'agent.host': 'h1', 'task.containerIp': ip, 'task.hostPorts': '80:3000' };
  return { ...record, agentId: 'agent-1', task: task && { ...task, taskContext } };
}

const put = (record: TaskRecord) => ({ kind: 'task' as const, id: taskIdOf(record), record });

describe('watching stages', () => {
  function watch(request: Partial<WatchStagesRequest>) {
    const client = new StageServiceClient(
      `127.0.0.1:${gateway.gateway.grpcPort}`,
      credentials.createInsecure(),
    );
    const call: ClientReadableStream<WatchStagesResponse> = client.watchStages({
      jobId: '',
      stage: 0,
      neighboursOf: 0,
      ...request,
    });
    const seen: WatchStagesResponse[] = [];
    let code: number | undefined;
    call.on('data', (message: WatchStagesResponse) => seen.push(message));
    call.on('error', () => {});
    call.on('status', (end) => {
      code = end.code;
    });
    onTestFinished(() => {
      call.cancel();
      client.close();
    });
    const until = (what: string, holds: () => boolean) =>
      vi.waitFor(() => expect(holds(), what).toBe(true), { timeout: 10_000, interval: 5 });
    return { seen, until, code: () => code };
  }

  it('shows each stage with its tasks, at once and when they change, and ends with the job', async () => {
    const id = await gateway.create(aMantisJob());
    const { seen, until, code } = watch({ jobId: id });
    await until('both stages are shown', () => seen.length === 2);
    expect(seen.map(({ stage }) => [stage?.number, stage?.stageCount, stage?.workers.length])).toEqual([
      [1, 2, 0],
      [2, 2, 0],
    ]);
    expect(seen[1]?.stage?.wait).toEqual({ stage: 1, running: 0, wanted: 1 });
    await decide(store, [put(worker(id, 1, 0, '172.17.0.2'))]);
    await until('both stages are shown again: the second one waits no more', () => seen.length === 4);
    expect(seen[3]?.stage).toMatchObject({ number: 2, wait: undefined, workers: [] });
    expect(seen[2]?.stage).toMatchObject({
      number: 1,
      workers: [
        {
          taskId: `${id}.1-0-0`,
          index: 0,
          number: 10,
          state: State.RUNNING,
          address: 'h1:3000',
          containerIp: '172.17.0.2',
          hostPorts: { 80: 3000 },
        },
      ],
    });
    const ended = moveWrite(worker(id, 1, 0, ''), State.FINISHED, 'killed').record;
    await decide(store, [put(ended), statusWrite(id, State.FINISHED, 'killed')]);
    await until('the stream ends', () => code() === status.OK);
    expect(seen.at(-1)?.stage?.workers).toEqual([]);
  });

  it('sends only a stage’s neighbours on request, also as events over HTTP', async () => {
    const id = await gateway.create(
      aMantisJob({ stages: [{ containerId: 'first' }, { containerId: 'second' }, { containerId: 'first' }] }),
    );
    const { seen, until } = watch({ jobId: id, neighboursOf: 2 });
    await until('they are shown', () => seen.length === 2);
    expect(seen.map(({ stage }) => stage?.number)).toEqual([1, 3]);
    const http = new HttpCaller(gateway.gateway.httpPort);
    const events = await http.observe(`/api/v1/jobs/${id}/stages:watch?neighboursOf=3`);
    await events.until(() => events.events.length === 1);
    expect(events.events[0]).toMatchObject({ event: 'stage', data: { stage: { number: 2, stageCount: 3 } } });
    await decide(store, [put(worker(id, 2, 0, '172.17.0.2'))]);
    await events.until(() => events.events.length === 2);
    expect(events.events[1]?.data.stage.workers[0]).toMatchObject({ address: 'h1:3000', state: 'RUNNING' });
    events.leave();
  });

  it('is refused for jobs without such stages', async () => {
    const mantis = await gateway.create(aMantisJob());
    const service = await gateway.create(aServiceJob());
    for (const request of [
      { jobId: service },
      { jobId: mantis, stage: 3 },
      { jobId: mantis, stage: 1, neighboursOf: 1 },
    ]) {
      const { until, code } = watch(request);
      await until('it is refused', () => code() === status.INVALID_ARGUMENT);
    }
    const { until, code } = watch({ jobId: 'none' });
    await until('it is refused', () => code() === status.NOT_FOUND);
  });
});

describe('a stream on a Transient job', () => {
  const touched = async (id: string) => (await store.lastObservedMs([id])).get(id);

  it('repeats that the job is observed while it is open', async () => {
    const id = await gateway.create(aMantisJob({ jobSLA: { durationType: 1 } }));
    expect(await touched(id)).toBeUndefined();
    const watcher = gateway.observeJob(id);
    const first = await vi.waitUntil(() => touched(id), { timeout: 5_000, interval: 5 });
    await vi.waitUntil(async () => ((await touched(id)) ?? 0) > first, { timeout: 5_000, interval: 20 });
    watcher.cancel();
  });

  it('counts over HTTP as well', async () => {
    const id = await gateway.create(aMantisJob({ jobSLA: { durationType: 1 } }));
    const events = await new HttpCaller(gateway.gateway.httpPort).observe(`/api/v1/jobs/${id}:observe`);
    await vi.waitUntil(() => touched(id), { timeout: 5_000, interval: 5 });
    events.leave();
  });

  it('does not count for a Perpetual job, or as a stream of all jobs', async () => {
    const perpetual = await gateway.create(aMantisJob());
    const transient = await gateway.create(aMantisJob({ jobSLA: { durationType: 1 } }));
    const watchers = [gateway.observeJob(perpetual), gateway.observeJobs()];
    for (const watcher of watchers) await watcher.until(() => watcher.kinds.includes('snapshotEnd'));
    expect(await touched(perpetual)).toBeUndefined();
    expect(await touched(transient)).toBeUndefined();
  });
});
