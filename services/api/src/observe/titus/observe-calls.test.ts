import { JobManagementServiceService as methods, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aServiceJob } from '../../testing/fixtures.js';
import { ModelSubscriber } from '../../testing/model-subscriber.js';
import { archiveJob, decide, RunningGateway } from '../../testing/running-gateway.js';
import { moveWrite, statusWrite, taskWrite } from '../../testing/scripted-cell.js';

let store: MemoryStore;
let gateway: RunningGateway;
let env: NodeJS.ProcessEnv = {};

beforeEach(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store, env);
});

afterEach(async () => {
  await gateway.close();
  await store.close();
});

describe.each(['on', 'off'])('ObserveJob with the tuning %s', (setting) => {
  beforeAll(() => {
    env = { BERTH_API_TUNING: setting };
  });

  it('sends the whole life of a job and ends with it', async () => {
    const id = await gateway.create(aServiceJob());
    const watcher = gateway.observeJob(id);
    await watcher.until(() => watcher.kinds.includes('snapshotEnd'));
    const task = taskWrite(`${id}.0-0`);
    await decide(store, [task, statusWrite(id, State.QUEUED)]);
    await gateway.create();
    await decide(store, [moveWrite(task.record, State.RUNNING), statusWrite(id, State.RUNNING)]);
    await gateway.call(methods.updateJobInstances, { jobId: id, instances: { min: 0, max: 5, desired: 2 } });
    await gateway.call(methods.killJob, { id });
    await decide(store, [statusWrite(id, State.FINISHED), moveWrite(task.record, State.FINISHED, 'killed')]);
    await watcher.until(() => watcher.code !== undefined);
    expect(watcher.code).toBe(status.OK);
    expect(watcher.kinds).toEqual([
      'jobSnapshot',
      'snapshotEnd',
      'taskUdate',
      'taskUdate',
      'jobDefinitionUpdate',
      'taskUdate',
      'jobFinished',
    ]);
    expect(watcher.tasks.map(({ state }) => state?.state)).toEqual([
      State.QUEUED,
      State.RUNNING,
      State.FINISHED,
    ]);
  });

  it('of an ended job sends its last state and its end', async () => {
    const id = await gateway.create();
    const revision = await decide(store, [taskWrite(`${id}.0-0`), statusWrite(id, State.FINISHED)]);
    await gateway.call(methods.findJob, { id }, { headers: { 'berth-min-revision': String(revision) } });
    await archiveJob(store, 'old');
    for (const ended of [id, 'old']) {
      const watcher = gateway.observeJob(ended);
      await watcher.until(() => watcher.code !== undefined);
      expect(watcher.code).toBe(status.OK);
      expect(watcher.kinds).toEqual(['jobSnapshot', 'snapshotEnd', 'jobFinished']);
    }
  });

  it('of an unknown job is NOT_FOUND', async () => {
    const watcher = gateway.observeJob('nobody');
    await watcher.until(() => watcher.code !== undefined);
    expect(watcher.code).toBe(status.NOT_FOUND);
  });
});

describe.each(['on', 'off'])('ObserveJobs with the tuning %s', (setting) => {
  beforeAll(() => {
    env = { BERTH_API_TUNING: setting };
  });

  it('begins with live jobs only and then reports all', async () => {
    const [live, ended] = [await gateway.create(), await gateway.create()];
    await decide(store, [taskWrite(`${live}.0-0`), statusWrite(ended, State.FAILED)]);
    await expect.poll(async () => (await gateway.find(ended)).jobState?.state).toBe(State.FAILED);
    const watcher = gateway.observeJobs();
    await watcher.until(() => watcher.kinds.includes('snapshotEnd'));
    const later = await gateway.create();
    await watcher.until(() => watcher.kinds.includes('jobDefinitionUpdate'));
    const [snapshot] = watcher.received;
    expect(snapshot?.notification).toMatchObject({
      $case: 'jobSnapshot',
      value: { job: { id: live, tasks: [{ id: `${live}.0-0` }] } },
    });
    expect(watcher.received.at(-1)?.notification).toMatchObject({ value: { id: later } });
    expect(watcher.kinds).toEqual(['jobSnapshot', 'snapshotEnd', 'jobDefinitionUpdate']);
  });

  it('sends a stalled subscriber the newest state, and delays no other subscriber', async () => {
    const id = await gateway.create(aServiceJob());
    const [fast, slow] = [gateway.observeJobs(), gateway.observeJobs()];
    await fast.until(() => fast.kinds.includes('snapshotEnd'));
    await slow.until(() => slow.kinds.includes('snapshotEnd'));
    slow.call.pause();
    const wide = (slot: number, count: number) => {
      const { kind, id: taskId, record } = taskWrite(`${id}.${slot}-0`, { slot });
      const taskContext = { count: String(count), pad: 'x'.repeat(4000) };
      return {
        kind,
        id: taskId,
        record: { ...record, task: record.task && { ...record.task, taskContext } },
      };
    };
    const rounds = 150;
    for (let count = 0; count < rounds; count += 1) {
      await decide(
        store,
        Array.from({ length: 20 }, (_, slot) => wide(slot, count)),
      );
      await fast.until(() => {
        const last = fast.tasks.at(-1);
        return last?.taskContext.count === String(count) && last.id === `${id}.19-0`;
      });
    }
    const ends = Array.from({ length: 20 }, (_, slot) =>
      moveWrite(wide(slot, rounds).record, State.FINISHED),
    );
    await decide(store, [statusWrite(id, State.FINISHED), ...ends]);
    slow.call.resume();
    for (const watcher of [fast, slow]) await watcher.until(() => watcher.kinds.at(-1) === 'jobFinished');
    expect(slow.tasks.length).toBeLessThan(fast.tasks.length);
    for (const { bytes } of [fast, slow]) {
      const subscriber = new ModelSubscriber();
      for (const message of bytes) subscriber.receive(message);
      const tasks = [...(subscriber.jobs.get(id)?.tasks.values() ?? [])];
      expect(tasks.map(({ state }) => state?.state)).toEqual(Array(20).fill(State.FINISHED));
    }
  });

  it('ends with UNAVAILABLE when the gateway closes', async () => {
    const watcher = gateway.observeJobs();
    await watcher.until(() => watcher.kinds.includes('snapshotEnd'));
    await gateway.gateway.close();
    await watcher.until(() => watcher.code !== undefined);
    expect(watcher.code).toBe(status.UNAVAILABLE);
  });
});
