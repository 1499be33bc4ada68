import { PolicyStanding, ScalingServiceService as scaling } from '@berth/shared/gen/berth/v1/scaling_service';
import { JobScalingRecord, SampleBatch } from '@berth/shared/gen/berth/v1/store';
import {
  type DeepPartial,
  type JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { aServiceJob } from './testing/fixtures.js';
import { RunningGateway } from './testing/running-gateway.js';
import { moveWrite, taskWrite } from './testing/scripted-cell.js';

async function started() {
  const store = new MemoryStore();
  const gateway = await RunningGateway.start(store);
  onTestFinished(() => gateway.close());
  const explain = async (jobId: string, listenMs?: number) => {
    const { response } = await gateway.call(scaling.explainScaling, { jobId, listenMs });
    return response.explanation;
  };
  /** Two tasks that run. */
  const run = async (jobId: string) => {
    const tasks = [0, 1].map((slot) => taskWrite(`${jobId}.${slot}-0`, { slot }));
    const running = tasks.map(({ record }) => moveWrite(record, State.RUNNING));
    await store.commit({ actor: 'master', writes: running });
    return running.map(({ id }) => id);
  };
  return { store, gateway, explain, run };
}

const scaled = (over: DeepPartial<JobDescriptor> = {}) =>
  aServiceJob({
    jobSpec: {
      $case: 'service',
      value: {
        instances: { min: 1, max: 5, desired: 2 },
        scalingPolices: [
          { condition: 'avg(CPUUtilization) > 80%', action: 'addInstances 1', durationSecs: 30 },
          { condition: 'max(MemoryUtilization) < 10%', action: 'removeInstances 1' },
        ],
      },
    },
    ...over,
  });

/** Sends samples of these tasks until the call is answered. */
async function sending<T>(store: MemoryStore, taskIds: readonly string[], asked: Promise<T>): Promise<T> {
  let isAnswered = false;
  const answer = asked.finally(() => {
    isAnswered = true;
  });
  while (!isAnswered) {
    const samples = taskIds.map((taskId) => ({
      taskId,
      atMs: 0,
      values: { CPUUtilization: 90, MemoryUtilization: 50 },
    }));
    await store.publishSamples(SampleBatch.fromPartial({ agentId: 'a', samples }));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return answer;
}

describe('ExplainScaling', () => {
  it('returns the state of each policy, from the samples during the call', async () => {
    const { store, gateway, explain, run } = await started();
    const id = await gateway.create(scaled());
    const taskIds = await run(id);
    const explanation = await sending(store, taskIds, explain(id));
    expect(explanation).toMatchObject({ jobId: id, enabled: true, decisions: [] });
    expect(explanation?.sets).toEqual([
      {
        stage: 0,
        instances: { min: 1, max: 5, desired: 2 },
        runningTasks: 2,
        heardTasks: 2,
        policies: [
          {
            condition: 'avg(CPUUtilization) > 80%',
            action: 'addInstances 1',
            standing: PolicyStanding.HOLDING,
            text: 'met now; has to hold for 30 s',
            values: { 'avg(CPUUtilization)': 90 },
          },
          {
            condition: 'max(MemoryUtilization) < 10%',
            action: 'removeInstances 1',
            standing: PolicyStanding.NOT_MET,
            text: 'the condition is not met',
            values: { 'max(MemoryUtilization)': 50 },
          },
        ],
      },
    ]);
  });

  it('says that it received no samples if no agent sends any', async () => {
    const { gateway, explain, run } = await started();
    const id = await gateway.create(scaled());
    await run(id);
    const policies = (await explain(id, 20))?.sets[0]?.policies;
    expect(policies?.map(({ standing, text }) => [standing, text])).toEqual([
      [PolicyStanding.UNKNOWN, 'nothing was heard of its 2 running tasks'],
      [PolicyStanding.UNKNOWN, 'nothing was heard of its 2 running tasks'],
    ]);
  });

  it('returns the decisions, and the cool-down after the last one', async () => {
    const { store, gateway, explain, run } = await started();
    const id = await gateway.create(
      scaled({
        jobSpec: {
          $case: 'service',
          value: {
            instances: { min: 1, max: 5, desired: 2 },
            scalingPolices: [{ condition: 'avg(CPUUtilization) > 80%', action: 'addInstances 1' }],
          },
        },
      }),
    );
    const taskIds = await run(id);
    const decision = {
      atMs: Date.now(),
      stage: 0,
      policy: 'p',
      from: 1,
      to: 2,
      values: { 'avg(CPUUtilization)': 99 },
    };
    const record = JobScalingRecord.fromPartial({ jobId: id, decisions: [decision] });
    await store.commit({ actor: 'master', writes: [{ kind: 'jobScaling', id, record }] });
    const explanation = await sending(store, taskIds, explain(id));
    expect(explanation?.decisions).toEqual([decision]);
    expect(explanation?.sets[0]?.policies[0]).toMatchObject({ standing: PolicyStanding.COOLING_DOWN });
  });

  it('returns the time of a caller’s change, and the cool-down after it', async () => {
    const { store, gateway, explain, run } = await started();
    const policy = { condition: 'avg(CPUUtilization) > 80%', action: 'addInstances 1' };
    const instances = { min: 1, max: 9, desired: 1 };
    const value = { instances, scalingPolices: [policy] };
    const id = await gateway.create(scaled({ jobSpec: { $case: 'service', value } }));
    const taskIds = await run(id);
    const [before] = (await sending(store, taskIds, explain(id)))?.sets ?? [];
    expect([before?.setAtMs, before?.policies[0]?.standing]).toEqual([undefined, PolicyStanding.ACTING]);
    const set = (of: { readonly min?: number; readonly desired?: number }) =>
      gateway.call(methods.updateJobInstances, { jobId: id, instances: { ...instances, ...of } });
    await set({});
    expect((await explain(id, 0))?.sets[0]?.setAtMs).toBeUndefined();
    const startMs = Date.now();
    await set({ desired: 2 });
    const [after] = (await sending(store, taskIds, explain(id)))?.sets ?? [];
    expect(after?.setAtMs).toBeGreaterThanOrEqual(startMs);
    expect(after?.policies[0]).toMatchObject({
      standing: PolicyStanding.COOLING_DOWN,
      text: expect.stringMatching(/^met; cools down for another (5\d|60) s$/),
    });
  });

  it('returns the times at which a caller switched scaling off and on', async () => {
    const { gateway, explain } = await started();
    const id = await gateway.create(scaled());
    await gateway.call(methods.updateJobStatus, { id, enableStatus: false });
    const explanation = await explain(id, 0);
    expect(explanation?.enabled).toBe(false);
    expect(explanation?.sets[0]?.policies[0]?.standing).toBe(PolicyStanding.DISABLED);
    await gateway.call(methods.updateJobStatus, { id, enableStatus: true });
    expect((await explain(id, 0))?.enabled).toBe(true);
  });

  it('answers at once for a job without policies, and NOT_FOUND for none', async () => {
    const { gateway, explain } = await started();
    expect((await explain(await gateway.create(aServiceJob())))?.sets).toEqual([]);
    await expect(explain('019c0000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      code: status.NOT_FOUND,
    });
    await expect(explain('019c0000-0000-7000-8000-000000000000', 30_001)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    });
  });
});

describe('CreateJob', () => {
  it('refuses an impossible condition, with the column', async () => {
    const { gateway } = await started();
    const policy = { condition: 'avg(CPUUtilization) > 80Mbps', action: 'addInstances 1' };
    const value = { scalingPolices: [policy] };
    const creating = gateway.create(aServiceJob({ jobSpec: { $case: 'service', value } }));
    await expect(creating).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('service.scalingPolices[0].condition: column 23: 80Mbps has the unit'),
    });
  });
});
