import { AgentLedger } from '@berth/shared/model/placement/agent-ledger';
import { zeroResources } from '@berth/shared/model/resources';
import { State, taskState } from '@berth/shared/model/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aReport, aService, aTask, limits as defaults, minute, t0 } from '../testing/fixtures.js';
import { TestCell } from '../testing/test-cell.js';
import { planRound } from './round.js';
import type { RoundInput } from './round-types.js';

function plan(cell: TestCell, fields: Partial<RoundInput> = {}) {
  const queued = [...cell.all('task')].filter(({ record }) => taskState(record) === State.QUEUED);
  return planRound({
    cell,
    nowMs: t0,
    limits: defaults,
    patienceUntilMs: 0,
    jobIds: [...cell.all('job')].map(({ id }) => id),
    reports: [],
    queue: { taskIds: new Set(queued.map(({ id }) => id)), hasNews: true },
    agents: new AgentLedger(cell, { countsGroups: true }),
    retireNow: new Set(),
    orphanStopIds: [],
    maxWrites: 1000,
    ...fields,
  });
}

const stopped = ({ tasks }: ReturnType<typeof plan>) =>
  [...tasks].filter(([, { stop }]) => stop !== undefined).map(([id, { stop }]) => `${id} ${stop?.code}`);

describe('the queue', () => {
  it('serves the group that is below its guarantee before an older job of one that is not', () => {
    const group = (name: string) => ({ labels: { 'berth.capacityGroup': name }, resources: { cpu: '2' } });
    const running = aJob({ id: 'running', ...group('greedy') });
    const cell = new TestCell()
      .putAgent({ cpuMillis: 4000 })
      .putJob(running)
      .putTasks([aTask({ job: running, state: State.RUNNING })])
      .putJob(aJob({ id: 'older', ...group('greedy') }))
      .putJob(aJob({ id: 'newer', ...group('modest') }));
    expect(plan(cell).placedTaskIds).toEqual(['older.0-0']);
    const guarantees = new Map([['modest', { ...zeroResources(), cpuMillis: 1000 }]]);
    expect(plan(cell, { limits: { ...defaults, guarantees } }).placedTaskIds).toEqual(['newer.0-0']);
  });
});

describe('preemption', () => {
  const critical = aJob({ id: 'critical', labels: { 'berth.tier': 'critical' }, resources: { cpu: '2' } });
  const flex = aJob({ id: 'flex', desired: 4 });
  const preempts = { limits: { ...defaults, preempts: true } };
  const full = () =>
    new TestCell()
      .putAgent({ cpuMillis: 4000 })
      .putJob(flex)
      .putTasks([0, 1, 2, 3].map((slot) => aTask({ job: flex, slot, state: State.RUNNING })));

  it('is off where nobody has switched it on', () => {
    expect(stopped(plan(full().putJob(critical)))).toEqual([]);
  });

  it('stops just enough, says so to the task that waits, and stops no more while that is under way', () => {
    const cell = full().putJob(critical);
    const round = plan(cell, preempts);
    expect(stopped(round)).toEqual(['flex.0-0 preempted', 'flex.1-0 preempted']);
    expect(round.tasks.get('critical.0-0')?.task?.state?.reason).toBe(
      'waiting: room is being made for it on agent agent-1',
    );
    for (const [, task] of round.tasks) cell.putTasks([task]);
    expect(stopped(plan(cell, preempts))).toEqual([]);
  });

  it('keeps the room that is being made from a task that would fit into a part of it', () => {
    const cell = full().putJob(critical);
    for (const [, task] of plan(cell, preempts).tasks) cell.putTasks([task]);
    cell.putJob(aJob({ id: 'late' }));
    const victim = cell.find('task', 'flex.0-0')?.record;
    if (victim === undefined) throw new Error('there is a victim');
    const report = aReport(victim, State.FAILED, { stopped: true });
    const round = plan(cell, { ...preempts, reports: [{ streamId: '1-0', report }] });
    expect(round.placedTaskIds).toEqual([]);
    expect(round.tasks.get('flex.0-0')?.task?.state?.reason).toMatch(
      /^preempted: its room is needed for critical/,
    );
  });

  it('leaves a service alone of which a task is missing, and looks again later', () => {
    const web = aService({ id: 'web', desired: 4 });
    const cell = new TestCell()
      .putAgent({ cpuMillis: 4000 })
      .putJob(web)
      .putTasks([0, 1, 2].map((slot) => aTask({ job: web, slot, state: State.RUNNING })))
      .putTasks([aTask({ job: web, slot: 3, state: State.STARTING })])
      .putJob(critical);
    const round = plan(cell, preempts);
    expect(stopped(round)).toEqual([]);
    expect(round.queueDueMs).toBe(t0 + 5000);
  });
});

describe('a task that was refused', () => {
  it('goes on at once, but not there, and is looked at again when the agent may be asked again', () => {
    const job = aJob();
    const task = aTask({ job, state: State.DISPATCHED });
    const cell = new TestCell().putAgent().putJob(job).putTasks([task]);
    const report = aReport(task, State.FAILED, { code: 'refused', text: 'no room', refused: true });
    const reports = [{ streamId: '1-0', report }];
    const round = plan(cell, { reports });
    expect(round.tasks.get('job-1.0-0')?.task?.state?.reason).toBe('refused: no room');
    expect(round.placedTaskIds).toEqual([]);
    expect(round.queueDueMs).toBe(t0 + minute + 1);
    cell.putAgent({ id: 'agent-2' });
    expect(plan(cell, { reports }).tasks.get('job-1.0-1')?.agentId).toBe('agent-2');
  });
});
