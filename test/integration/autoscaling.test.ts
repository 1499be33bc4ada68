import { cli } from '@berth/cli/testing/harness';
import { BerthClient, type CellEvent, ScalingCalls } from '@berth/client';
import { PolicyStanding } from '@berth/shared/gen/berth/v1/scaling_service';
import {
  type DeepPartial,
  type Job,
  type JobDescriptor,
  JobManagementServiceService as methods,
  type ServiceJobSpec,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runs, simulated, tasksIn } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const out = { condition: 'avg(CPUUtilization) > 80%', action: 'addInstances 1', durationSecs: 1 };
const back = { condition: 'avg(CPUUtilization) < 20%', action: 'removeInstances 1', durationSecs: 1 };

/** A service of simulated containers that use all of their tenth of a core. */
function scaled(
  policies: DeepPartial<ServiceJobSpec>['scalingPolices'],
  { env = {}, parameters = {}, instances = { min: 1, max: 3, desired: 1 } } = {},
): DeepPartial<JobDescriptor> {
  const container = simulated();
  return {
    appName: 'scaled',
    containers: {
      main: { ...container, env: { ...container?.env, BERTH_SIM_CPU_MILLIS: '100', ...env }, parameters },
    },
    jobSpec: { $case: 'service', value: { instances, scalingPolices: policies ?? [] } },
  };
}

const cooling = (secs: number) => ({ labels: { 'berth.coolDownSecs': String(secs) } });

function desiredOf(job: Job): number | undefined {
  const spec = job.jobDescriptor?.jobSpec;
  return spec?.$case === 'service' ? spec.value.instances?.desired : undefined;
}

describe.skipIf(skipRedisTests !== false)('autoscaling in a cell', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  let calls: ScalingCalls;
  let client: BerthClient;

  beforeAll(async () => {
    cell = await TestCell.start({
      masters: 2,
      agents: 2,
      masterEnv: { BERTH_MASTER_SCALING_INTERVAL: '200ms' },
      agentEnv: { BERTH_AGENT_SAMPLE_INTERVAL: '100ms' },
    });
    caller = cell.caller();
    const connect = { addresses: [cell.address()], caller: { id: 'ada', email: 'ada@example.com' } };
    calls = new ScalingCalls(connect);
    client = BerthClient.connect(connect);
  });
  afterAll(async () => {
    client.close();
    calls.close();
    await closeCleanly(cell);
  });

  /** From now on all running tasks of the job use so much. */
  const load = (job: Job, cpuMillis: number) => {
    for (const { id, taskContext } of tasksIn(job, State.RUNNING))
      cell.engines.engineOf(taskContext['agent.id'] ?? '').setLoad(id, { cpuMillis });
  };

  it('grows a service under load to its maximum, and shrinks it to its minimum when the load is gone', async () => {
    const events: CellEvent[] = [];
    const observing = client.observe().subscribe((event) => events.push(event));
    const policies = [
      { ...out, ...cooling(1) },
      { ...back, ...cooling(1) },
    ];
    const id = await caller.create(scaled(policies));
    const full = await caller.until(id, runs(3), 'grows to three');
    load(full, 0);
    const small = await caller.until(id, (job) => desiredOf(job) === 1 && runs(1)(job), 'shrinks to one');
    expect(tasksIn(small, State.RUNNING)).toHaveLength(1);
    const { decisions, sets, enabled } = await calls.explainScaling(id);
    expect(decisions.map(({ policy, from, to }) => [policy, from, to])).toEqual([
      [out.condition, 1, 2],
      [out.condition, 2, 3],
      [back.condition, 3, 2],
      [back.condition, 2, 1],
    ]);
    const times = decisions.map(({ atMs }) => atMs);
    for (const [index, atMs] of times.slice(1).entries())
      expect(atMs - (times[index] ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(decisions[0]?.values['avg(CPUUtilization)']).toBeGreaterThan(80);
    expect(enabled).toBe(true);
    expect(sets[0]).toMatchObject({ runningTasks: 1, heardTasks: 1 });
    expect(sets[0]?.policies[0]).toMatchObject({
      condition: out.condition,
      standing: PolicyStanding.NOT_MET,
    });
    const changes = events.map((event) => JSON.stringify(event)).filter((text) => text.includes(id));
    expect(changes.some((text) => text.includes('jobScaling') && text.includes('"to":3'))).toBe(true);
    observing.unsubscribe();
    await caller.kill(id);
  });

  it('continues under a new leader, which keeps the cool-down', async () => {
    const id = await caller.create(scaled([{ ...out, ...cooling(3) }]));
    await caller.until(id, (job) => desiredOf(job) === 2, 'grows once');
    await cell.changeLeader();
    await caller.until(id, runs(3), 'grows again');
    const { decisions } = await calls.explainScaling(id, { listenMs: 0 });
    expect(decisions.map(({ to }) => to)).toEqual([2, 3]);
    expect((decisions[1]?.atMs ?? 0) - (decisions[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(3000);
    await caller.kill(id);
    await cell.startMaster();
  });

  it('does not scale a job with disabled scaling', async () => {
    const id = await caller.create(scaled([{ ...out, ...cooling(0) }]));
    await caller.call(methods.updateJobStatus, { id, enableStatus: false });
    const job = await caller.until(id, runs(1), 'runs');
    // Another job with the same load shows that enough time has passed.
    const other = await caller.create(scaled([{ ...out, ...cooling(0) }]));
    await caller.until(other, runs(3), 'grows');
    expect(desiredOf(await caller.find(id))).toBe(desiredOf(job));
    await caller.call(methods.updateJobStatus, { id, enableStatus: true });
    await caller.until(id, (each) => (desiredOf(each) ?? 0) > 1, 'grows when it is enabled');
    await Promise.all([caller.kill(id), caller.kill(other)]);
  });

  it('scales by a metric that tasks publish, and tracks a target', async () => {
    const own = {
      env: { BERTH_SIM_METRICS: 'queue_depth 12\n' },
      parameters: { 'berth.metrics.port': '9100' },
    };
    const id = await caller.create(
      scaled([{ condition: 'target(queue_depth) = 5' }], {
        ...own,
        instances: { min: 1, max: 3, desired: 1 },
      }),
    );
    await caller.until(id, runs(3), 'has three, of which each has its share of the queue');
    const { decisions } = await calls.explainScaling(id, { listenMs: 0 });
    expect(decisions).toMatchObject([
      { policy: 'target(queue_depth) = 5', from: 1, to: 3, values: { 'avg(queue_depth)': 12 } },
    ]);
    await caller.kill(id);
  });

  it('scales one stage of a Mantis job by its strategy', async () => {
    const container = simulated();
    const busy = { ...container, env: { ...container?.env, BERTH_SIM_CPU_MILLIS: '100' } };
    const instances = { min: 1, max: 2, desired: 1 };
    const id = await caller.create({
      appName: 'stages',
      containers: { source: busy, sink: busy },
      jobSpec: {
        $case: 'mantis',
        value: {
          name: 'pipeline',
          jobSLA: {},
          stages: [
            { instances, containerId: 'source' },
            {
              instances,
              containerId: 'sink',
              autoScalingPolicy: {
                increment: 5,
                strategies: { CPU: { scaleUpAbovePct: 80, rollingCount: { count: 2, of: 3 } } },
              },
            },
          ],
        },
      },
    });
    await caller.until(id, runs(3), 'has two tasks in its second stage');
    const { decisions, sets } = await calls.explainScaling(id);
    expect(decisions).toMatchObject([{ stage: 2, policy: 'CPU > 80 in 2 of 3', from: 1, to: 2 }]);
    expect(sets.map(({ stage }) => stage)).toEqual([2]);
    await caller.kill(id);
  });

  it('counts its decisions, and reports the rest of the cool-down', async () => {
    const id = await caller.create(scaled([{ ...out, ...cooling(60) }]));
    await caller.until(id, (job) => desiredOf(job) === 2, 'grows');
    const leader = cell.masters.find((master) => master.isLeading());
    const metrics = await (await fetch(`http://127.0.0.1:${leader?.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/berth_master_scalings_total\{[^}]*direction="out"[^}]*\} [1-9]/);
    const printed = await cli(['explain', id, '--address', cell.address()]);
    expect(printed.out[0]).toBe(`The scaling of ${id} is switched on.`);
    expect(printed.out.join('\n')).toMatch(
      /ago +1 → 2 +avg\(CPUUtilization\) > 80% +avg\(CPUUtilization\) \d/,
    );
    const explained = async () => (await calls.explainScaling(id)).sets[0]?.policies[0]?.text ?? '';
    const text = await waitFor(
      async () => {
        const found = await explained();
        return found.startsWith('met') ? found : undefined;
      },
      { what: 'the load is heard' },
    );
    expect(text).toMatch(/^met now; has to hold for 1 s, and cools down for another (60|[1-5]\d) s$/);
    await caller.kill(id);
  });
});
