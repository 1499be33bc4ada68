import { PlacementCalls } from '@berth/client';
import { type Explanation, PlacementServiceClient } from '@berth/shared/gen/berth/v1/placement_service';
import {
  JobClusterDescriptor,
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { credentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, runs, service, simulated, stateOf } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

describe.skipIf(skipRedisTests !== false)('a cell of three agents with two GPUs each', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  let calls: PlacementCalls;

  beforeAll(async () => {
    cell = await TestCell.start({
      agents: 3,
      host: { cpuMillis: 4000, memoryMb: 4096 },
      agentEnv: {
        BERTH_AGENT_GPUS: '2',
        BERTH_AGENT_GPU_DRIVER: 'none',
        BERTH_AGENT_ATTRIBUTES: 'zone=a,gpuModel=T4',
      },
    });
    caller = cell.caller();
    calls = new PlacementCalls({
      addresses: [cell.address()],
      caller: { id: 'ada', email: 'ada@example.com' },
    });
  });
  afterAll(async () => {
    calls.close();
    await closeCleanly(cell);
  });

  const small = { ...simulated({}), resources: { cpu: '0.1', memory: '64' } };
  const agentsOf = (tasks: readonly { readonly taskContext: Readonly<Record<string, string>> }[]) =>
    tasks.map(({ taskContext }) => taskContext['agent.id']);

  it('keeps uniqueHost, and explains the surplus task until it is placed', async () => {
    const container = { ...small, hardConstraints: { constraints: { uniqueHost: 'true' } } };
    const id = await caller.create(service(container, { tasks: 4 }));
    const job = await caller.until(
      id,
      (one) => one.tasks.filter((task) => stateOf(task) === State.RUNNING).length === 3,
      'fills the agents',
    );
    const placed = job.tasks.filter((task) => stateOf(task) !== State.QUEUED);
    expect(new Set(agentsOf(placed)).size).toBe(3);
    const waiting = job.tasks.find((task) => stateOf(task) === State.QUEUED);
    expect(waiting?.state?.reason).toBe('waiting: a task of this job is there (uniqueHost) on 3 agents');
    const explanation = await calls.explain(waiting?.id ?? '');
    expect(explanation).toMatchObject({ state: 'QUEUED', agents: 3, agentId: '' });
    expect(explanation.remedies.map(({ text }) => text)).toEqual([
      'without uniqueHost: 3 agents',
      'when one of 3 tasks ends: 3 agents',
    ]);

    const explanations: Explanation[] = [];
    const client = new PlacementServiceClient(cell.address(), credentials.createInsecure());
    const stream = client.watchExplain({ taskId: waiting?.id ?? '' });
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', ({ explanation: one }) => explanations.push(one));
      stream.on('end', resolve);
      stream.on('error', reject);
    });
    await waitFor(() => explanations.length > 0);
    await caller.kill(id);
    await ended;
    client.close();
    expect(explanations[0]).toEqual(explanation);
    expect(explanations.at(-1)?.state).not.toBe('QUEUED');
  });

  it('gives each task its own GPUs, and passes their indexes to the container', async () => {
    const id = await caller.create(
      service({ ...small, resources: { ...small.resources, gpu: '1' } }, { tasks: 6 }),
    );
    const job = await caller.until(id, runs(6), 'runs on all cards');
    const cards = job.tasks.map(
      ({ taskContext }) => `${taskContext['agent.id']}/${taskContext['task.gpus']}`,
    );
    expect(new Set(cards).size).toBe(6);
    const plan = await calls.plan({
      $case: 'job',
      value: JobDescriptor.fromPartial(
        batch({ ...small, resources: { ...small.resources, gpu: '0.5' } }, { tasks: 1 }),
      ),
    });
    expect(plan).toMatchObject({ placed: 0, waiting: 1 });
    expect(plan.tasks[0]?.explanation?.remedies.map(({ text }) => text)).toContain('0.5 less gpu: 3 agents');
    await caller.kill(id);
  });

  it('plans the drain of an agent and the loss of a zone without any change', async () => {
    const id = await caller.create(service(small, { tasks: 2 }));
    const job = await caller.until(id, runs(2), 'runs');
    const agent = agentsOf(job.tasks)[0] ?? '';
    const drain = await calls.plan({ $case: 'drainAgentId', value: agent });
    expect(drain.waiting).toBe(0);
    expect(drain.tasks.map(({ taskId }) => taskId)).toEqual(
      expect.arrayContaining(
        job.tasks.filter((task) => task.taskContext['agent.id'] === agent).map((task) => task.id),
      ),
    );
    expect(drain.tasks.map(({ agentId }) => agentId)).not.toContain(agent);
    const loss = await calls.plan({ $case: 'lose', value: { name: 'zone', value: 'a' } });
    expect(loss.lostAgentIds).toHaveLength(3);
    expect(loss).toMatchObject({ placed: 0, waiting: loss.tasks.length });
    expect(agentsOf((await caller.find(id)).tasks)).toEqual(agentsOf(job.tasks));
    await caller.kill(id);
  });

  it('plans a job over the template of its cluster, with the checks of CreateJob', async () => {
    const cluster = JobClusterDescriptor.fromPartial({
      name: 'planned',
      owner: { ownerEmail: 'ada@example.com', teamEmail: 'ada@example.com' },
      clusterSpec: { $case: 'service', value: {} },
      jobDescriptor: service(small, { tasks: 3 }),
    });
    const { id } = (await caller.call(methods.createJobCluster, cluster)).response;
    const planIn = (clusterId: string) =>
      calls.plan({
        $case: 'job',
        value: JobDescriptor.fromPartial({ labels: { 'berth.jobClusterId': clusterId } }),
      });
    expect(await planIn(id)).toMatchObject({ placed: 3, waiting: 0 });
    await expect(planIn('nowhere')).rejects.toMatchObject({
      code: 'invalidArgument',
      message: expect.stringContaining('there is no job cluster "nowhere"'),
    });
  });

  it('checks expressions against the attributes of its agents', async () => {
    expect(await calls.checkExpression('gpuModel == "T4" AND agent.cpu >= 4')).toMatchObject({
      errors: [],
      agents: 3,
      matches: 3,
    });
    expect(await calls.checkExpression('gpuModel == 4')).toMatchObject({
      errors: [{ column: 1, message: '"==" compares a string with a number' }],
      matches: 0,
    });
    const expression = 'gpuModel == "T4" AND nope == "x"';
    await expect(
      caller.create(batch({ ...small, hardConstraints: { expression } }, { tasks: 1 })),
    ).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      message: expect.stringContaining(
        'hardConstraints.expression: column 22: "nope" is no attribute of any agent',
      ),
    });
  });
});
