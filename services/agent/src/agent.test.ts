import { AgentRecord } from '@berth/shared/gen/berth/v1/store';
import { isTerminal, State } from '@berth/shared/model/task/task-state';
import { Replica } from '@berth/store/replica';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limitBounds } from './core/adaptive-limit.js';
import { RuntimeError } from './runtime/contract/container-runtime.js';
import { AgentTestCell } from './testing/cell.js';
import { waitFor } from './testing/wait-for.js';

const short = { BERTH_SIM_RUN_MS: '30' };

describe('an agent', () => {
  let cell: AgentTestCell;
  beforeEach(() => {
    cell = new AgentTestCell();
  });
  afterEach(() => cell.close());

  it('takes a task from its assignment to its end, and removes its container once the end is known', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0', { ...short, BERTH_SIM_EXIT_CODE: '3' });
    expect(await cell.endOf('j.0-0')).toMatchObject({
      agentId: 'a',
      state: State.FAILED,
      code: 'failed',
      text: 'exit code 3',
      exitCode: 3,
      stopped: false,
    });
    // STARTING is reported only if the task does not run yet when the report is sent.
    const states = (await cell.statesOf('j.0-0')).filter((state) => state !== 'STARTING');
    expect(states.slice(0, 2)).toEqual(['RUNNING', 'FAILED']);
    expect(await cell.containersOf()).toEqual(['j.0-0 exited']);
    await cell.unassign('j.0-0');
    await waitFor(async () => (await cell.containersOf()).length === 0, 'the container is removed');
  });

  it('runs tasks that were assigned before it started', async () => {
    await cell.assign('j.0-0');
    await cell.startAgent();
    await cell.reaches('j.0-0', 'RUNNING');
  });

  it('refuses a task if its capacity is too small, and takes a later one once it is enough', async () => {
    await (await cell.startAgent({ BERTH_AGENT_CPU: '0.15' })).ready;
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    await cell.assign('j.1-0');
    expect(await cell.endOf('j.1-0')).toMatchObject({
      state: State.FAILED,
      code: 'refused',
      text: 'the agent lacks cpu (0.1 asked for, 0.05 free)',
      refused: true,
    });
    expect(await cell.statesOf('j.1-0')).toEqual(['FAILED']);
    await cell.unassign('j.0-0');
    await cell.assign('j.1-1');
    await cell.reaches('j.1-1', 'RUNNING');
  });

  it('keeps its tasks when it returns with less capacity, and refuses only new ones', async () => {
    await cell.assign('j.0-0');
    const before = await cell.startAgent();
    await cell.reaches('j.0-0', 'RUNNING');
    await before.close();
    await (await cell.startAgent({ BERTH_AGENT_CPU: '0.05' })).ready;
    await cell.assign('j.1-0');
    expect(await cell.endOf('j.1-0')).toMatchObject({ code: 'refused', refused: true });
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
  });

  it('gives a port of its host to one task at a time, and names the task that has it', async () => {
    await (await cell.startAgent()).ready;
    const ports = '8080:80,53/udp';
    await cell.assign('j.0-0', {}, { ports });
    await cell.reaches('j.0-0', 'RUNNING');
    const running = (await cell.reportsOf('j.0-0')).find(({ state }) => state === State.RUNNING);
    expect(running?.context['task.hostPorts']).toMatch(/^80:8080,53:\d+\/udp$/);
    await cell.assign('k.0-0', {}, { ports: '8080:1' });
    expect(await cell.endOf('k.0-0')).toMatchObject({
      code: 'refused',
      text: 'the agent lacks port 8080/tcp (taken by j.0-0)',
      refused: true,
    });
    await cell.assign('k.1-0', {}, { ports: '8080:1/udp' });
    await cell.reaches('k.1-0', 'RUNNING');
    await cell.stop('j.0-0');
    await cell.endOf('j.0-0');
    await cell.assign('k.2-0', {}, { ports: '8080:1' });
    await cell.reaches('k.2-0', 'RUNNING');
  });

  it('reports a container’s address and ports together with RUNNING', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0', {}, { ports: '8080,9090' });
    await cell.reaches('j.0-0', 'RUNNING');
    const running = (await cell.reportsOf('j.0-0')).find(({ state }) => state === State.RUNNING);
    expect(running?.context).toEqual({
      'task.containerIp': expect.stringMatching(/^172\.17\./),
      'task.hostPorts': expect.stringMatching(/^8080:\d+,9090:\d+$/),
    });
  });

  it.each([
    ['pull', 'invalidRequest'],
    ['create', 'invalidRequest'],
    ['start', 'invalidRequest'],
    ['host', 'systemError'],
    ['oom', 'oom'],
  ])('tells a failure of kind %s as %s', async (fail, code) => {
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0', { BERTH_SIM_FAIL: fail });
    expect(await cell.endOf('j.0-0')).toMatchObject({ state: State.FAILED, code, stopped: false });
  });

  it('refuses a container with wrong settings, and names all problems', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0', {}, { network: 'mesh' });
    expect(await cell.endOf('j.0-0')).toMatchObject({
      code: 'invalidRequest',
      text: expect.stringContaining('"mesh"'),
    });
  });

  it('stops a task with a stop order', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    await cell.stop('j.0-0');
    expect(await cell.endOf('j.0-0')).toMatchObject({ stopped: true, exitCode: 143 });
  });

  it('kills a task that does not stop within its grace', async () => {
    await (await cell.startAgent()).ready;
    const env = { BERTH_SIM_IGNORE_TERM: '1' };
    await cell.assign('j.0-0', env);
    await cell.reaches('j.0-0', 'RUNNING');
    await cell.stop('j.0-0', env);
    expect(await cell.endOf('j.0-0')).toMatchObject({ stopped: true, exitCode: 137, code: 'failed' });
  });

  it('cancels a task at once if the stop order comes before the container', async () => {
    await cell.stop('j.0-0');
    await cell.startAgent();
    expect(await cell.endOf('j.0-0')).toMatchObject({ state: State.FINISHED, stopped: true });
    expect(await cell.containersOf()).toEqual([]);
  });

  it('stops a task if the stop order comes during its start', async () => {
    await (await cell.startAgent()).ready;
    const env = { BERTH_SIM_START_DELAY_MS: '80' };
    await cell.assign('j.0-0', env);
    await waitFor(async () => (await cell.containersOf()).includes('j.0-0 created'), 'it is being started');
    await cell.stop('j.0-0', env);
    expect(await cell.endOf('j.0-0')).toMatchObject({ stopped: true });
  });

  it('launches a few at one time and all in the end, and does not delay a stop for that', async () => {
    await (await cell.startAgent()).ready;
    const env = { BERTH_SIM_START_DELAY_MS: '30' };
    await cell.assign('j.99-0');
    await cell.reaches('j.99-0', 'RUNNING');
    const ids = Array.from({ length: 40 }, (_, slot) => `j.${slot}-0`);
    for (const id of ids) await cell.assign(id, env);
    await cell.stop('j.99-0');
    await cell.endOf('j.99-0');
    const running = async () => (await cell.reports()).filter(({ state }) => state === State.RUNNING).length;
    expect(await running()).toBeLessThan(40);
    await waitFor(async () => (await running()) === 41, 'all run');
  });

  it('stops and removes containers without an assignment, and no others', async () => {
    await cell.assign('j.0-0');
    await (await cell.startAgent()).close();
    const first = await cell.startAgent();
    await cell.reaches('j.0-0', 'RUNNING');
    await cell.assign('j.1-0');
    await cell.reaches('j.1-0', 'RUNNING');
    await first.close();
    await cell.unassign('j.1-0');
    await cell.startAgent();
    await waitFor(async () => (await cell.containersOf()).join() === 'j.0-0 running', 'the stray is removed');
  });

  it('stops nothing until it has read its assignments', async () => {
    await cell.assign('j.0-0');
    const first = await cell.startAgent();
    await cell.reaches('j.0-0', 'RUNNING');
    await first.close();
    cell.isRedisAway = true;
    const second = await cell.startAgent();
    await waitFor(() => second.isReady() !== undefined, 'it waits for Redis');
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
    cell.isRedisAway = false;
    await second.ready;
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
  });

  it('takes over the containers of its last run, and reports the ends that it missed', async () => {
    await cell.assign('j.0-0', { BERTH_SIM_RUN_MS: '120', BERTH_SIM_EXIT_CODE: '9' });
    await cell.assign('j.1-0');
    const first = await cell.startAgent();
    await cell.reaches('j.0-0', 'RUNNING');
    await cell.reaches('j.1-0', 'RUNNING');
    await first.close();
    await waitFor(async () => (await cell.containersOf()).includes('j.0-0 exited'), 'one ends meanwhile');
    const { startedAtMs } = (await cell.engine.inspect('j.1-0')) ?? {};
    const before = (await cell.reports()).length;
    await (await cell.startAgent()).ready;
    expect(await cell.endOf('j.0-0')).toMatchObject({ exitCode: 9, code: 'failed', stopped: false });
    expect(await cell.engine.inspect('j.1-0')).toMatchObject({ state: 'running', startedAtMs });
    const reported = (await cell.reports()).slice(before).map(({ taskId, state }) => `${taskId} ${state}`);
    expect(reported.sort()).toEqual(
      [`j.0-0 ${State.RUNNING}`, `j.0-0 ${State.FAILED}`, `j.1-0 ${State.RUNNING}`].sort(),
    );
  });

  it('leaves its containers running when it ends', async () => {
    const agent = await cell.startAgent();
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    await agent.close();
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
  });

  it('keeps its containers while the store is away, and reports later what happened', async () => {
    const agent = await cell.startAgent();
    await agent.ready;
    await cell.assign('j.0-0', { BERTH_SIM_RUN_MS: '60', BERTH_SIM_EXIT_CODE: '5' });
    await cell.assign('j.1-0');
    await cell.reaches('j.1-0', 'RUNNING');
    await cell.reaches('j.0-0', 'RUNNING');
    cell.isRedisAway = true;
    await waitFor(async () => (await cell.containersOf()).includes('j.0-0 exited'), 'one ends meanwhile');
    await waitFor(() => agent.isReady()?.includes('connection refused'), 'it says that Redis is away');
    expect(await cell.containersOf()).toContain('j.1-0 running');
    await cell.assign('j.2-0');
    cell.isRedisAway = false;
    expect(await cell.endOf('j.0-0')).toMatchObject({ exitCode: 5 });
    await cell.reaches('j.2-0', 'RUNNING');
    await waitFor(() => agent.isReady() === undefined, 'it is ready again');
    expect(isTerminal((await cell.reportsOf('j.1-0')).at(-1)?.state ?? State.FAILED)).toBe(false);
  });

  it('registers its capacity, and sends heartbeats', async () => {
    const env = {
      BERTH_AGENT_ATTRIBUTES: 'zone=east,rack=r7',
      BERTH_AGENT_CPU: '2.5',
      BERTH_AGENT_MEMORY_MB: '4096',
    };
    const agent = await cell.startAgent(env);
    await agent.ready;
    const { record } = await registered();
    expect(record).toMatchObject({
      id: 'a',
      attributes: { region: 'local', zone: 'east', rack: 'r7', instance: 'a', serverGroup: 'default' },
      capacity: { cpuMillis: 2_500, memoryMb: 4_096, diskMb: 500_000, networkMbps: 10_000, ports: 4_096 },
      runtime: 'simulated',
      grpcAddress: `127.0.0.1:${agent.grpcPort}`,
    });
    expect(await cell.store.findAlive(['a'], 5_000)).toEqual(['a']);
  });

  it('registers once in each run, with a different incarnation', async () => {
    const first = await cell.startAgent();
    await first.ready;
    const before = await registered();
    await waitFor(async () => (await cell.store.findAlive(['a'], 5_000)).length > 0, 'it beats');
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    expect((await registered()).revision).toBe(before.revision);
    await first.close();
    await (await cell.startAgent()).ready;
    expect((await registered()).record.incarnation).not.toBe(before.record.incarnation);
  });

  it('registers again and reports all tasks again after the store has lost data', async () => {
    const setBack = cell.store.checkpoint();
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    setBack();
    await cell.assign('j.0-0');
    await waitFor(
      () =>
        registered().then(
          () => true,
          () => false,
        ),
      'it is registered again',
    );
    const again = cell.store.openReportInbox();
    await waitFor(async () => {
      const reports = await again.readReports('0', 100, 0);
      return reports.some(({ report }) => report.taskId === 'j.0-0' && report.state === State.RUNNING);
    }, 'it tells again');
    await again.close();
  });

  it('reports everything again even if the store goes away once more after the loss of its data', async () => {
    const setBack = cell.store.checkpoint();
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    const refused: string[] = [];
    cell.isRedisAway = true;
    cell.onRefusal = (call) => refused.push(call);
    setBack();
    await waitFor(() => refused.includes('commit'), 'it cannot register again');
    await cell.assign('j.0-0');
    cell.isRedisAway = false;
    const again = cell.store.openReportInbox();
    await waitFor(async () => {
      const reports = await again.readReports('0', 100, 0);
      return reports.some(({ report }) => report.taskId === 'j.0-0' && report.state === State.RUNNING);
    }, 'it tells again');
    await again.close();
  });

  it('stops its heartbeats while its engine is silent for long, and gives the reason', async () => {
    const agent = await cell.startAgent({ BERTH_AGENT_RUNTIME_SILENCE: '100ms' });
    await agent.ready;
    cell.engine.goDown();
    await waitFor(async () => (await cell.store.findAlive(['a'], 80)).length === 0, 'it beats no more');
    expect(agent.isReady()).toContain('the simulated engine is down');
    cell.engine.comeBack();
    await waitFor(async () => (await cell.store.findAlive(['a'], 80)).length === 1, 'it beats again');
    await waitFor(() => agent.isReady() === undefined, 'it is ready again');
  });

  it('sees the ends that happened while its engine was away', async () => {
    await (await cell.startAgent()).ready;
    await cell.assign('j.0-0', { BERTH_SIM_RUN_MS: '50', BERTH_SIM_EXIT_CODE: '4' });
    await cell.reaches('j.0-0', 'RUNNING');
    cell.engine.goDown();
    await waitFor(() => cell.engine.running === 0, 'the container has ended');
    cell.engine.comeBack();
    expect(await cell.endOf('j.0-0')).toMatchObject({ exitCode: 4 });
  });

  it('waits at its start for an engine that is away', async () => {
    cell.engine.goDown();
    const agent = await cell.startAgent();
    await waitFor(() => agent.isReady()?.includes('the simulated engine is down'), 'it waits');
    cell.engine.comeBack();
    await agent.ready;
    expect(agent.isReady()).toBeUndefined();
  });

  it('launches once the engine is back, without a second container', async () => {
    await (await cell.startAgent()).ready;
    cell.engine.goDown();
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'STARTING');
    cell.engine.comeBack();
    await cell.reaches('j.0-0', 'RUNNING');
    expect(await cell.containersOf()).toEqual(['j.0-0 running']);
  });

  it('shows its health and its metrics', async () => {
    const agent = await cell.startAgent();
    await agent.ready;
    await cell.assign('j.0-0');
    await cell.reaches('j.0-0', 'RUNNING');
    const health = await fetch(`http://127.0.0.1:${agent.httpPort}/healthz`);
    expect([health.status, (await health.text()).trim()]).toEqual([200, 'ok']);
    const metrics = await (await fetch(`http://127.0.0.1:${agent.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/berth_agent_tasks\{state="RUNNING".*\} 1/);
    expect(metrics).toMatch(/berth_agent_launch_seconds_count\{.*\} 1/);
    expect(metrics).toMatch(new RegExp(`berth_agent_launch_limit\\{.*\\} ${limitBounds.initial}\\b`));
    expect(metrics).toMatch(/berth_agent_reports_pending\{.*\} 0/);
  });

  it('says in one sentence that it cannot listen at a taken address', async () => {
    const agent = await cell.startAgent();
    const taken = { BERTH_AGENT_HTTP: `127.0.0.1:${agent.httpPort}`, BERTH_AGENT_ID: 'b' };
    await expect(cell.startAgent(taken)).rejects.toThrow(
      /cannot listen on .* another process listens there already/,
    );
  });

  async function registered(): Promise<{ record: AgentRecord; revision: number }> {
    const replica = await Replica.start(cell.store.openLogReader());
    const entity = replica.find('agent', 'a');
    await replica.close();
    if (entity === undefined) throw new Error('the agent is not registered');
    return { record: AgentRecord.fromPartial(entity.record), revision: entity.revision };
  }
});

describe('many simulated agents', () => {
  it('share one process, and each has its own tasks', async () => {
    const cell = new AgentTestCell();
    const fleet = await cell.startFleet(50);
    await fleet.ready;
    expect(fleet.agentIds.slice(0, 2)).toEqual(['a-1', 'a-2']);
    expect((await cell.store.findAlive(fleet.agentIds, 5_000)).length).toBe(50);
    await Promise.all(fleet.agentIds.map((agentId, slot) => cell.assign(`j.${slot}-0`, short, { agentId })));
    await Promise.all(fleet.agentIds.map((_, slot) => cell.endOf(`j.${slot}-0`)));
    const byAgent = new Map((await cell.reports()).map(({ taskId, agentId }) => [taskId, agentId]));
    expect(byAgent.get('j.7-0')).toBe('a-8');
    await cell.close();
  });

  it('start within seconds when they are five thousand', async () => {
    const cell = new AgentTestCell();
    const env = { BERTH_AGENT_HEARTBEAT: '2s', BERTH_AGENT_RESYNC: '30s' };
    const fleet = await cell.startFleet(5_000, env);
    await fleet.ready;
    expect(await cell.store.findAlive(fleet.agentIds, 60_000)).toHaveLength(5_000);
    await cell.close();
  });
});

describe('a failed call to an engine', () => {
  it('carries its kind and its cause', () => {
    const cause = new Error('socket');
    expect(new RuntimeError('unavailable', 'away', cause)).toMatchObject({
      kind: 'unavailable',
      message: 'away',
      cause,
    });
  });
});
