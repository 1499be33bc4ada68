import { cli } from '@berth/cli/testing/harness';
import { State } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, isJobOver, runs, service, simulated, stateOf, tasksIn } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

describe.skipIf(skipRedisTests !== false)('berth plan and berth explain', () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start({
      host: { cpuMillis: 4000, memoryMb: 4096 },
      agentEnv: { BERTH_AGENT_ATTRIBUTES: 'zone=b' },
    });
    caller = cell.caller();
  });
  afterAll(() => closeCleanly(cell));

  const berth = (args: readonly string[], input = '') =>
    cli([...args, '--address', cell.address()], { input });
  const planned = (instances: number) =>
    berth(['plan', '-'], `image: simulated:1\ncpu: 2\nmemory: 64\ninstances: ${instances}\n`);

  it('plan predicts the agents for the tasks of a job file, exits with 0, and creates nothing', async () => {
    const { exitCode, out } = await planned(4);
    expect(exitCode).toBe(0);
    const text = out.join('\n');
    for (const id of cell.agentIds) expect(text).toMatch(new RegExp(`${id} +2`));
    expect(text).toContain('4 would be placed, 0 would wait.');
    const listed = await berth(['ps', '--all']);
    expect(listed.out.join('\n')).not.toContain('simulated');
  });

  it('plan lists the tasks that would wait, with reasons and remedies, and exits with 2', async () => {
    const { exitCode, out } = await planned(5);
    expect(exitCode).toBe(2);
    const text = out.join('\n');
    expect(text).toContain('4 would be placed, 1 would wait.');
    expect(text).toMatch(/too little cpu free +2/);
    expect(text).toContain('when one of 4 tasks ends: 2 agents');
  });

  it('plan drain and plan lose predict the moves of the tasks of leaving agents', async () => {
    const id = await caller.create(
      service({ ...simulated(), resources: { cpu: '2', memory: '64' } }, { tasks: 2 }),
    );
    const job = await caller.until(id, runs(2), 'runs');
    const agent = job.tasks[0]?.taskContext['agent.id'] ?? '';
    const drain = await berth(['plan', 'drain', agent]);
    expect([drain.exitCode, drain.out[0]]).toEqual([0, `Without ${agent}:`]);
    const lose = await berth(['plan', 'lose', 'zone=b']);
    expect(lose.exitCode).toBe(2);
    expect(lose.out.join('\n')).toContain('0 would be placed, 2 would wait.');
    for (const wrong of [
      ['plan', 'drain', 'nobody'],
      ['plan', 'lose', 'zone=moon'],
    ]) {
      const answer = await berth(wrong);
      expect([answer.exitCode, answer.out]).toEqual([1, []]);
    }
    expect(runs(2)(await caller.find(id))).toBe(true);
    await caller.kill(id);
  });

  it('explain gives the reasons of a waiting task, and the location of one that does not wait', async () => {
    const id = await caller.create(batch({ ...simulated(), resources: { cpu: '5', memory: '64' } }));
    const queued = await caller.until(id, ({ tasks }) => tasks.length === 1, 'has a task');
    const task = queued.tasks[0];
    expect(task && stateOf(task)).toBe(State.QUEUED);
    const { exitCode, out } = await berth(['explain', task?.id ?? '']);
    expect(exitCode).toBe(0);
    expect(out.join('\n')).toMatch(
      /waits: none of 2 agents[\s\S]*too little cpu free +2[\s\S]*1 less cpu: 2 agents/,
    );
    await caller.kill(id);
  });

  it('plan and explain name the tasks that have a port of the host', async () => {
    const file = 'image: simulated:1\ntype: service\ncpu: 0.1\nmemory: 64\nports: [8080:80, 53/udp]\n';
    const submitted = await berth(['submit', '-f', '-'], `${file}instances: 3\n`);
    expect([submitted.exitCode, submitted.err]).toEqual([0, []]);
    const id = submitted.out[0] ?? '';
    const job = await caller.until(id, (one) => tasksIn(one, State.RUNNING).length === 2, 'runs twice');
    const running = job.tasks.filter((task) => stateOf(task) === State.RUNNING);
    expect(new Set(running.map(({ taskContext }) => taskContext['agent.id'])).size).toBe(2);
    for (const { taskContext } of running)
      expect(taskContext['task.hostPorts']).toMatch(/^80:8080,53:\d+\/udp$/);
    const holders = running
      .map((task) => task.id)
      .toSorted()
      .join(' and ');
    const waiting = job.tasks.find((task) => stateOf(task) === State.QUEUED);
    expect(waiting?.state?.reason).toMatch(/port 8080\/tcp is taken on 2 agents by/);
    const explained = await berth(['explain', waiting?.id ?? '']);
    expect(explained.out.join('\n')).toContain(`port 8080/tcp is taken by ${holders}`);
    expect(explained.out.join('\n')).toContain('without port 8080/tcp: 2 agents');
    const plan = await berth(['plan', '-'], 'image: simulated:1\nports: 8080\nparameters: {network: host}\n');
    expect(plan.exitCode).toBe(2);
    expect(plan.out.join('\n')).toContain(`port 8080/tcp is taken by ${holders}`);
    const shown = await berth(['ps', id]);
    expect(shown.out.join('\n')).toMatch(/80→127\.0\.0\.1:8080, 53→127\.0\.0\.1:\d+\/udp/);
    await caller.kill(id);
  });

  it('explain reports a job without waiting tasks, and exits with 0', async () => {
    const id = await caller.create(
      service({ ...simulated(), resources: { cpu: '1', memory: '64' } }, { tasks: 1 }),
    );
    await caller.until(id, runs(1), 'runs');
    const sentence = `No task of job ${id} waits for an agent`;
    expect(await berth(['explain', id])).toEqual({
      exitCode: 0,
      out: [`${sentence}, and no policies scale it.`],
      err: [],
    });
    expect(await berth(['explain', '--watch', id])).toEqual({ exitCode: 0, out: [`${sentence}.`], err: [] });
    const json = await berth(['explain', id, '-o', 'json']);
    expect(JSON.parse(json.out.join('\n'))).toEqual({ jobId: id, stageWaits: [] });
    await caller.kill(id);
  });

  it('agents and explain name an agent that fails launches; other jobs avoid it', async () => {
    const id = await caller.create(batch(simulated({ fail: 'host' })));
    const avoided = await waitFor(
      async () => (await berth(['agents'])).out.find((line) => line.includes(' avoided ')),
      { what: 'an agent is avoided' },
    );
    await caller.kill(id);
    expect(avoided).toMatch(/1 failed, last \d+s ago: systemError: .*; next try in \d/);
    const sick = avoided.split(' ')[0] ?? '';
    expect((await berth(['agents', sick])).out.join('\n')).toMatch(/launches +1 failed/);
    const other = await caller.create(batch(simulated({ runMs: 1 })));
    const job = await caller.until(other, isJobOver, 'ends');
    expect(job.tasks[0]?.taskContext['agent.id']).not.toBe(sick);
    expect(job.tasks[0]?.taskContext['task.hostAddress']).toBe('127.0.0.1');
    const pinned = `image: simulated:1\nmemory: 64\nconstraints: {hard: {host: ${sick}}}\n`;
    const plan = (await berth(['plan', '-'], pinned)).out.join('\n');
    expect(plan).toMatch(/avoided, since its launches fail: last: systemError: .* at 20/);
  });
});
