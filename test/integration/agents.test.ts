import { cli } from '@berth/cli/testing/harness';
import { AgentCalls, BerthClient } from '@berth/client';
import type { Explanation } from '@berth/shared/gen/berth/v1/placement_service';
import { AgentRecord, AgentState } from '@berth/shared/gen/berth/v1/store';
import { codeOf } from '@berth/shared/model/task/reason';
import { State } from '@berth/shared/model/task/task-state';
import { silentLogger } from '@berth/shared/process/logger';
import { openStore } from '@berth/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, type Descriptor, runs, service, simulated, stateOf } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const connect = (cell: TestCell) => ({
  addresses: [cell.address()],
  caller: { id: 'ada', email: 'ada@example.com' },
});
const sized = (cpu: string, behaviour = {}) => ({
  ...simulated(behaviour),
  resources: { cpu, memory: '32' },
});
/** Instances that need not be spread over the agents. */
const packed = (cpu: string) => ({ ...sized(cpu), parameters: { 'berth.spread': 'false' } });
type Tasks = Awaited<ReturnType<TitusCaller['find']>>['tasks'];
const agentOf = (task: Tasks[number]) => task.taskContext['agent.id'];
const running = (tasks: Tasks) => tasks.filter((task) => stateOf(task) === State.RUNNING);

describe.skipIf(skipRedisTests !== false)('drained agents', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  let calls: AgentCalls;

  beforeAll(async () => {
    cell = await TestCell.start({ agents: 2, host: { cpuMillis: 4000, memoryMb: 4096 } });
    caller = cell.caller();
    calls = new AgentCalls(connect(cell));
  });
  afterAll(async () => {
    calls.close();
    await closeCleanly(cell);
  });

  it('are listed with their resources and tasks', async () => {
    const id = await caller.create(service(sized('1'), { tasks: 2 }));
    await caller.until(id, runs(2), 'runs');
    const agents = await calls.listAgents();
    expect(agents.map((agent) => agent.id)).toEqual([...cell.agentIds].sort());
    expect(agents.map(({ state }) => state)).toEqual([AgentState.ALIVE, AgentState.ALIVE]);
    expect(agents.reduce((sum, { tasks }) => sum + tasks, 0)).toBe(2);
    for (const { capacity, free, tasks } of agents)
      expect((capacity?.cpuMillis ?? 0) - (free?.cpuMillis ?? 0)).toBe(tasks * 1000);
    await caller.kill(id);
  });

  it('lose service tasks one at a time, keep batch tasks until the deadline, and take no new tasks', async () => {
    const serviceId = await caller.create(service(packed('0.5'), { tasks: 3 }));
    const batchId = await caller.create(batch(sized('0.5'), { tasks: 1 }));
    const placed = await caller.until(serviceId, runs(3), 'runs');
    const job = await caller.until(batchId, runs(1), 'runs');
    const drained = agentOf(job.tasks[0] as Tasks[number]) ?? '';
    expect(running(placed.tasks).filter((task) => agentOf(task) === drained)).toHaveLength(3);

    let fewest = 3;
    const watching = new BerthClient(connect(cell));
    const watch = watching.followJob(serviceId).subscribe(({ job: now }) => {
      fewest = Math.min(fewest, running(now.tasks).length);
    });
    expect((await calls.drainAgent(drained)).drain).toMatchObject({ by: 'ada', deadlineAtMs: 0 });
    const moved = await caller.until(
      serviceId,
      ({ tasks }) => running(tasks).length === 3 && running(tasks).every((task) => agentOf(task) !== drained),
      'has moved',
    );
    watch.unsubscribe();
    watching.close();
    expect(fewest).toBeGreaterThanOrEqual(2);
    const ended = moved.tasks.filter((task) => stateOf(task) === State.FAILED);
    expect(ended.map(({ state }) => state?.reason)).toEqual(
      Array(3).fill(`moved: agent ${drained} is drained`),
    );

    const { agent, tasks } = await calls.getAgent(drained);
    expect(agent?.drain).toBeDefined();
    expect(tasks.map(({ jobId }) => jobId)).toEqual([batchId]);

    // The other agent has 2.5 cores left. A larger task waits, although the drained agent has capacity.
    const wide = await caller.create(batch(sized('3'), { tasks: 1 }));
    const waiting = await caller.until(
      wide,
      (one) => codeOf(one.tasks[0]?.state?.reason ?? '') === 'waiting',
      'waits',
    );
    expect(waiting.tasks[0]?.state?.reason).toMatch(/^waiting: .*draining on 1 agent/);
    await caller.kill(wide);

    await calls.drainAgent(drained, { deadlineAfterMs: 1 });
    const after = await caller.until(
      batchId,
      (one) => running(one.tasks).some((task) => agentOf(task) !== drained),
      'goes on elsewhere',
    );
    expect(after.tasks.map(({ state }) => codeOf(state?.reason ?? ''))).toEqual(['moved', '']);
    expect((await calls.undrainAgent(drained)).drain).toBeUndefined();
    await caller.kill(serviceId);
    await caller.kill(batchId);
  });

  it('are listed, drained and undrained on the command line', async () => {
    const run = (...args: string[]) => cli(['--address', cell.address(), ...args]);
    const [first = ''] = [...cell.agentIds].sort();
    expect((await run('drain', first, '--deadline', '2h')).out[0]).toMatch(
      new RegExp(`^${first} is drained; 0 tasks are on it until `),
    );
    expect((await run('agents')).out[1]).toMatch(new RegExp(`^${first} +\\S+ +draining `));
    expect((await run('agents', first)).out.at(-1)).toBe('No tasks.');
    expect((await run('undrain', first)).out).toEqual([`${first} takes tasks`]);
    const { out } = await run('-o', 'json', 'agents', first);
    expect(JSON.parse(out.join('\n'))).toMatchObject({ agent: { id: first, state: 'AGENT_STATE_ALIVE' } });
    expect(await run('drain', 'nobody')).toMatchObject({ exitCode: 1 });
    expect(await run('drain', first, '--deadline', 'soon')).toMatchObject({ exitCode: 2 });
    const id = await caller.create(batch(sized('5'), { tasks: 1 }));
    await caller.until(id, (one) => codeOf(one.tasks[0]?.state?.reason ?? '') === 'waiting', 'waits');
    const watched = cli(['--address', cell.address(), 'explain', '--watch', id], {
      onLine: (line) => {
        if (line.includes('waits: none of 2 agents')) void caller.kill(id);
      },
    });
    expect(await watched).toMatchObject({ exitCode: 0 });
    expect((await watched).out.at(-1)).toMatch(/is FINISHED; it does not wait/);
  });

  it('answer NOT_FOUND if their id is unknown', async () => {
    await expect(calls.drainAgent('nobody')).rejects.toMatchObject({ code: 'notFound' });
    await expect(calls.getAgent('nobody')).rejects.toMatchObject({ code: 'notFound' });
  });
});

describe.skipIf(skipRedisTests !== false)('an agent with fewer resources than the master assumes', () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start({ agents: 2, host: { cpuMillis: 4000, memoryMb: 4096 } });
    caller = cell.caller();
  });
  afterAll(() => closeCleanly(cell));

  it('refuses the task, which runs elsewhere once there is capacity, and uses up no retry', async () => {
    const first = await caller.create(batch(sized('3'), { tasks: 2 }));
    const { tasks } = await caller.until(first, runs(2), 'runs');
    const [liar, honest] = tasks.map(agentOf);
    const store = await openStore({ url: cell.redis.url, cell: 'test', log: silentLogger });
    const record = AgentRecord.fromPartial({
      id: liar ?? '',
      capacity: { cpuMillis: 100_000, memoryMb: 4096, eni: 1, ports: 10, networkMbps: 10_000 },
      incarnation: 'made up',
    });
    await store.commit({ actor: 'test', writes: [{ kind: 'agent', id: record.id, record }] });
    await store.close();
    const id = await caller.create(batch(sized('3'), { tasks: 1 }));
    const refused = await caller.until(id, (one) => one.tasks.length === 2, 'is refused');
    expect(refused.tasks[0]?.state?.reason).toBe('refused: the agent lacks cpu (3 asked for, 1 free)');
    const waiting = await caller.until(
      id,
      (one) => codeOf(one.tasks[1]?.state?.reason ?? '') === 'waiting',
      'waits',
    );
    expect(waiting.tasks[1]?.state?.reason).toContain('it refused a task of this job lately on 1 agent');
    const onHonest = tasks.find((task) => agentOf(task) === honest);
    await caller.killTask(onHonest?.id ?? '');
    const placed = await caller.until(id, (one) => running(one.tasks).length === 1, 'runs');
    expect(placed.tasks).toHaveLength(2);
    expect(agentOf(placed.tasks[1] as Tasks[number])).toBe(honest);
    await Promise.all([first, id].map((each) => caller.kill(each)));
  });
});

describe.skipIf(skipRedisTests !== false)('a cell in which critical tasks preempt flex ones', () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start({
      agents: 2,
      host: { cpuMillis: 4000, memoryMb: 4096 },
      masterEnv: { BERTH_MASTER_PREEMPTION: 'on' },
    });
    caller = cell.caller();
  });
  afterAll(() => closeCleanly(cell));

  const labelled = (descriptor: Descriptor, labels: Readonly<Record<string, string>>): Descriptor => ({
    ...descriptor,
    labels,
  });

  it('stops as many victims as needed, which run again once there is capacity', async () => {
    const flex = await caller.create(batch(sized('1'), { tasks: 8 }));
    await caller.until(flex, runs(8), 'fills the agents');
    const critical = await caller.create(
      labelled(batch(sized('2'), { tasks: 1 }), { 'berth.tier': 'critical' }),
    );
    await caller.until(critical, runs(1), 'runs');
    const { tasks } = await caller.until(flex, (one) => one.tasks.length === 10, 'has lost two tasks');
    expect(tasks.filter(({ state }) => codeOf(state?.reason ?? '') === 'preempted')).toHaveLength(2);
    expect(running(tasks)).toHaveLength(6);
    await caller.kill(critical);
    await caller.until(flex, runs(8), 'fills the agents again');
    await caller.kill(flex);
  });

  it('preempts at most one task of a service, and none of a job that allows no disruption', async () => {
    const untouched = labelled(service(sized('2'), { tasks: 2 }), { 'berth.disruptionLimit': '0' });
    const fixed = await caller.create(untouched);
    const web = await caller.create(service(sized('2'), { tasks: 2 }));
    await Promise.all([fixed, web].map((id) => caller.until(id, runs(2), 'runs')));
    const critical = await caller.create(
      labelled(batch(sized('2'), { tasks: 2 }), { 'berth.tier': 'critical' }),
    );
    await caller.until(critical, ({ tasks }) => running(tasks).length === 1, 'runs once');
    expect(running((await caller.find(fixed)).tasks)).toHaveLength(2);
    expect(running((await caller.find(web)).tasks)).toHaveLength(1);
    const client = new BerthClient(connect(cell));
    const explanations: Explanation[] = [];
    const waiting = (await caller.find(critical)).tasks.find((task) => stateOf(task) === State.QUEUED);
    const watch = client.watchExplain(waiting?.id ?? '').subscribe((one) => explanations.push(one));
    await waitFor(() => explanations.length > 0);
    expect(explanations[0]).toMatchObject({ state: 'QUEUED', agents: 2 });
    await caller.kill(fixed);
    await waitFor(() => explanations.at(-1)?.state !== 'QUEUED');
    watch.unsubscribe();
    client.close();
    await caller.until(critical, runs(2), 'runs twice');
    await Promise.all([web, critical].map((id) => caller.kill(id)));
  });
});
