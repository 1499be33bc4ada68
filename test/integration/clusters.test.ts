import {
  type DeepPartial,
  JobClusterDescriptor,
  type JobClusterNotification,
  JobDescriptor,
  JobManagementServiceClient,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, codeIn, isJobOver, service, simulated } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

describe.skipIf(skipRedisTests !== false)('job clusters of a whole cell', () => {
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
  const named = (clusterId: string, descriptor: DeepPartial<JobDescriptor>) =>
    JobDescriptor.fromPartial({ ...descriptor, labels: { 'berth.jobClusterId': clusterId } });

  async function makeCluster(fields: DeepPartial<JobClusterDescriptor> = {}) {
    const descriptor = JobClusterDescriptor.fromPartial({
      name: 'nightly',
      owner: { ownerEmail: 'ada@example.org', teamEmail: 'ada@example.org' },
      clusterSpec: { $case: 'batch', value: {} },
      ...fields,
    });
    const { response, revision } = await first.call(methods.createJobCluster, descriptor);
    return { id: response.id, revision };
  }

  const codeOf = (call: Promise<unknown>): Promise<number> =>
    call.then(
      () => status.OK,
      (error: { code: number }) => error.code,
    );

  it('run jobs from their template, report them, and can be deleted once the jobs are over', async () => {
    const template = batch(simulated({ runMs: 20 }), { tasks: 2 });
    const { id } = await makeCluster({ jobDescriptor: template });
    const notifications: JobClusterNotification[] = [];
    const client = new JobManagementServiceClient(first.address, credentials.createInsecure());
    const stream = client.observeJobCluster({ id });
    stream.on('data', (message: JobClusterNotification) => notifications.push(message));
    const ended = new Promise<number>((resolve) => {
      stream.on('error', () => {});
      stream.on('status', ({ code }: { code: number }) => resolve(code));
    });
    const created = await first.call(methods.createJob, named(id, {}));
    const job = await waitFor(async () => {
      const found = await first.find(created.response.id);
      return isJobOver(found) && found;
    });
    expect(job.jobState?.state).toBe(State.FINISHED);
    expect(job.tasks.map(({ state }) => state?.state)).toEqual([State.FINISHED, State.FINISHED]);
    await first.call(methods.removeJobCluster, { id });
    expect(await ended).toBe(status.OK);
    client.close();
    expect(notifications.map(({ notification }) => notification?.$case)).toEqual([
      'jobClusterSnapshot',
      'snapshotEnd',
      'jobAdded',
      'jobFinished',
      'jobClusterRemoved',
    ]);
  });

  it('are never deleted while a job is being created in them, at any gateway', async () => {
    const outcomes = new Set<number>();
    for (let round = 0; round < 25; round += 1) {
      const { id, revision } = await makeCluster();
      const descriptor = named(id, batch(simulated({ runMs: 100_000 })));
      const create = (caller: TitusCaller) =>
        caller.call(methods.createJob, descriptor, atLeast(revision)).then(
          ({ response }) => response.id,
          () => undefined,
        );
      const removing = () => codeOf(first.call(methods.removeJobCluster, { id }, atLeast(revision)));
      // The removal takes two commits and the creation one: either may come between.
      const [removed, ...jobs] = await Promise.all(
        round % 2 === 0
          ? [removing(), create(second), create(first)]
          : [create(second).then(() => removing()), create(first), create(second)],
      );
      const made = jobs.filter((job) => job !== undefined);
      outcomes.add(Number(removed));
      const isThere = (await codeOf(first.call(methods.findJobCluster, { id }))) === status.OK;
      expect(isThere).toBe(removed !== status.OK);
      if (removed === status.OK) expect(made).toEqual([]);
      await codeOf(first.call(methods.killJobs, { id: made as string[] }));
    }
    expect(outcomes.has(status.FAILED_PRECONDITION)).toBe(true);
  });

  it('accept no job while they are disabled, at any gateway', async () => {
    const { id } = await makeCluster();
    const { revision } = await first.call(methods.updateJobClusterStatus, { id, enableStatus: false });
    const descriptor = named(id, batch(simulated({ runMs: 0 })));
    // The call names no revision: a gateway that lags accepts it, and the store itself refuses it.
    expect(await codeOf(second.call(methods.createJob, descriptor))).not.toBe(status.OK);
    expect(await codeOf(second.call(methods.createJob, descriptor, atLeast(revision)))).toBe(
      status.FAILED_PRECONDITION,
    );
  });
});

describe.skipIf(skipRedisTests !== false)('the descriptor of a task', () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start();
    caller = cell.caller(0);
  });
  afterAll(() => closeCleanly(cell));

  it('fails a privileged task if the operator of its agent does not allow it', async () => {
    const descriptor = JobDescriptor.fromPartial(batch(simulated({ runMs: 0 })));
    for (const container of Object.values(descriptor.containers))
      container.securityProfile = { privileged: 'true' };
    const { id } = (await caller.call(methods.createJob, descriptor)).response;
    const job = await waitFor(async () => {
      const found = await caller.find(id);
      return isJobOver(found) && found;
    });
    expect(job.tasks.map(codeIn)).toEqual(['invalidRequest']);
    expect(job.tasks[0]?.state?.reason).toContain('allows no privileged containers');
  });

  it('names the agent and the replaced task in the context of a task', async () => {
    const { id } = (
      await caller.call(methods.createJob, JobDescriptor.fromPartial(service(simulated({ runMs: 100_000 }))))
    ).response;
    const running = (slot: (context: Record<string, string>) => boolean) =>
      waitFor(async () =>
        (await caller.find(id)).tasks.find(
          ({ state, taskContext }) => state?.state === State.RUNNING && slot(taskContext),
        ),
      );
    const original = await running(() => true);
    expect(original.taskContext).toMatchObject({
      'agent.region': 'local',
      'agent.zone': expect.any(String),
      'agent.host': expect.any(String),
      'agent.instance': expect.any(String),
      'task.index': '0',
      'task.originalId': original.id,
      'task.containerIp': expect.any(String),
    });
    await caller.call(methods.killTask, { id: original.id });
    const replacement = await running((context) => context['task.resubmitOf'] === original.id);
    expect(replacement.taskContext).toMatchObject({
      'task.index': '0',
      'task.originalId': original.id,
      'task.resubmitNumber': '1',
    });
    await caller.call(methods.killJob, { id });
  });
});
