import { AgentLedger } from '@berth/scheduler';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { State, taskState } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aJob,
  aReport,
  aService,
  aTask,
  limits as defaults,
  minute,
  must,
  t0,
} from '../../testing/fixtures.js';
import { TestCell } from '../../testing/test-cell.js';
import type { RoundInput } from '../plan/round-types.js';
import { WaitingTasks } from '../plan/waiting-tasks.js';
import { commitOf } from '../round/commit-plan.js';
import { planRound } from '../round/round.js';

function plan(cell: TestCell, fields: Partial<RoundInput> = {}) {
  const queued = [...cell.all('task')].filter(({ record }) => taskState(record) === State.QUEUED);
  return planRound({
    cell,
    nowMs: t0,
    limits: defaults,
    patienceUntilMs: 0,
    jobIds: [...cell.all('job')].map(({ id }) => id),
    reports: [],
    queue: { waiting: new WaitingTasks(queued.map(({ record }) => record)), hasChanges: true },
    agents: new AgentLedger(cell, { countsGroups: true }),
    retireNow: new Set(),
    orphanStopIds: [],
    maxWrites: 1000,
    ...fields,
  });
}

/** The tasks that are waited for, each with the task that waits. */
const awaited = ({ tasks }: ReturnType<typeof plan>) =>
  [...tasks].flatMap(([id, { awaitedTaskIds }]) => awaitedTaskIds.map((victim) => `${victim} by ${id}`));

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

  it('is off by default', () => {
    expect(awaited(plan(full().putJob(critical)))).toEqual([]);
  });

  const { killGraceMs, stopConfirmMs, stuckDispatchedMs } = defaults;
  const stop = { code: 'preempted', text: 'its capacity is needed for critical.0-0', atMs: t0 };

  it('orders just enough victims to stop in the commit that places the task', () => {
    const cell = full().putJob(critical);
    const round = plan(cell, preempts);
    expect(awaited(round)).toEqual(['flex.0-0 by critical.0-0', 'flex.1-0 by critical.0-0']);
    expect(round.placedTaskIds).toEqual(['critical.0-0']);
    const { writes, assignments } = commitOf(cell, round, preempts.limits);
    const ids = ['critical.0-0', 'flex.0-0', 'flex.1-0'];
    expect(writes.flatMap(({ kind, id }) => (kind === 'task' ? [id] : []))).toEqual(ids);
    for (const id of ['flex.0-0', 'flex.1-0'])
      expect(round.tasks.get(id)).toMatchObject({ stop, deadlineAtMs: t0 + killGraceMs + stopConfirmMs });
    expect(assignments).toMatchObject([
      {
        agentId: 'agent-1',
        taskId: 'critical.0-0',
        assignment: { awaitedTaskIds: ['flex.0-0', 'flex.1-0'] },
      },
      { agentId: 'agent-1', taskId: 'flex.0-0', assignment: { stop } },
      { agentId: 'agent-1', taskId: 'flex.1-0', assignment: { stop } },
    ]);
  });

  it('gives the task its time to start after the time of its victims to end', () => {
    const cell = full().putJob(critical);
    const round = plan(cell, preempts);
    const placed = round.tasks.get('critical.0-0');
    expect(placed).toMatchObject({
      agentId: 'agent-1',
      deadlineAtMs: t0 + killGraceMs + stopConfirmMs + stuckDispatchedMs,
    });
    expect(placed?.task?.state).toEqual({
      state: State.DISPATCHED,
      reason: 'waiting: it starts once flex.0-0 and 1 other have ended',
    });
    expect(round.placedDueMs.get('flex')).toBe(undefined);
    expect(round.dueMs.get('flex')).toBe(t0 + killGraceMs + stopConfirmMs);
  });

  it('writes the placement with all its orders to stop, or nothing of it, at the limit of writes', () => {
    const labels = { 'berth.tier': 'critical' };
    const cell = full()
      .putJob(critical)
      .putJob(aJob({ id: 'second', labels, resources: { cpu: '2' } }));
    // One write is for the status of the flex job, two are for each new task and its job, two for the victims
    // of the first.
    const round = plan(cell, { ...preempts, maxWrites: 8 });
    expect(awaited(round)).toEqual(['flex.0-0 by critical.0-0', 'flex.1-0 by critical.0-0']);
    expect(round.queueLeft).toBe(true);
    expect([...round.tasks.keys()].toSorted()).toEqual([
      'critical.0-0',
      'flex.0-0',
      'flex.1-0',
      'second.0-0',
    ]);
    cell.apply(commitOf(cell, round, preempts.limits).writes);
    const next = plan(cell, { ...preempts, maxWrites: 8 });
    expect(awaited(next)).toEqual([
      'flex.0-0 by second.0-0',
      'flex.1-0 by second.0-0',
      'flex.2-0 by second.0-0',
      'flex.3-0 by second.0-0',
    ]);
    expect([...next.tasks.keys()].toSorted()).toEqual(['flex.2-0', 'flex.3-0', 'second.0-0']);
  });

  it('leaves the task waiting if one commit cannot hold the orders to all its victims', () => {
    const round = plan(full().putJob(critical), { ...preempts, maxWrites: 3 });
    expect(awaited(round)).toEqual([]);
    expect(round).toMatchObject({ placedTaskIds: [], queueLeft: false, queueDueMs: t0 + 5000 });
  });

  it('is the same to another master: victims stop, count as away, and end by their time', () => {
    const web = aService({ id: 'web', desired: 4 });
    const cell = new TestCell()
      .putAgent({ cpuMillis: 4000 })
      .putJob(web)
      .putTasks([0, 1, 2, 3].map((slot) => aTask({ job: web, slot, state: State.RUNNING })))
      .putJob({
        ...critical,
        id: 'first',
        descriptor: aJob({ labels: { 'berth.tier': 'critical' } }).descriptor,
      });
    const round = plan(cell, preempts);
    expect(awaited(round)).toEqual(['web.0-0 by first.0-0']);
    for (const [, task] of round.tasks) cell.putTasks([task]);
    // A second one would be one too many. A kill of the first changes only its reason.
    cell.putJob({
      ...critical,
      id: 'second',
      descriptor: aJob({ labels: { 'berth.tier': 'critical' } }).descriptor,
    });
    cell.put('taskStop', 'web.0-0', { taskId: 'web.0-0', wish: { atMs: t0, by: 'ada', text: undefined } });
    const next = plan(cell, preempts);
    expect(awaited(next)).toEqual([]);
    const { deadlineAtMs } = must(cell.find('task', 'web.0-0')).record;
    const stop = { code: 'killed', text: '', atMs: t0 };
    expect(next.tasks.get('web.0-0')).toMatchObject({ stop, deadlineAtMs });
    const late = plan(cell, { ...preempts, nowMs: t0 + minute, patienceUntilMs: t0 + minute });
    expect(late.tasks.get('web.0-0')).toMatchObject({
      stop,
      task: { state: { state: State.FINISHED, reason: 'killed' } },
    });
    expect(late.tasks.has('first.0-0')).toBe(false);
  });

  it('reserves the capacity of tasks that stop already, for any reason, for the preemptor alone', () => {
    const cell = full();
    const killed = [0, 1, 2].flatMap((slot) => {
      const task = cell.find('task', `flex.${slot}-0`)?.record;
      const stop = { code: 'killed', text: '', atMs: t0 };
      return task === undefined ? [] : [{ ...task, stop, deadlineAtMs: t0 + 1000 }];
    });
    cell
      .putTasks(killed)
      .putJob(critical)
      .putJob(aJob({ id: 'late' }));
    const round = plan(cell, { limits: { ...preempts.limits, stuckDispatchedMs: 5000 } });
    expect(round.placedTaskIds).toEqual(['critical.0-0']);
    expect(round.tasks.get('critical.0-0')).toMatchObject({
      awaitedTaskIds: ['flex.0-0', 'flex.1-0', 'flex.2-0'],
      deadlineAtMs: t0 + 6000,
    });
  });

  it('keeps the reserved capacity from a task that would fit into a part of it', () => {
    const cell = full().putJob(critical);
    for (const [, task] of plan(cell, preempts).tasks) cell.putTasks([task]);
    cell.putJob(aJob({ id: 'late' }));
    const victim = cell.find('task', 'flex.0-0')?.record;
    if (victim === undefined) throw new Error('there is a victim');
    const report = aReport(victim, State.FAILED, { stopped: true });
    const round = plan(cell, { ...preempts, reports: [{ streamId: '1-0', report }] });
    expect(round.placedTaskIds).toEqual([]);
    expect(round.tasks.get('flex.0-0')?.task?.state?.reason).toMatch(
      /^preempted: its capacity is needed for critical/,
    );
  });

  it('gives the capacity of a killed preemptor to the next task', () => {
    const cell = full().putJob(critical);
    for (const [, task] of plan(cell, preempts).tasks) cell.putTasks([task]);
    cell.putJob({ ...critical, kill: { atMs: t0, by: 'ada', text: undefined } });
    cell.putJob({ ...critical, id: 'next' });
    const round = plan(cell, preempts);
    expect(round.tasks.get('critical.0-0')?.stop?.code).toBe('killed');
    expect(round.tasks.get('next.0-0')).toMatchObject({
      agentId: 'agent-1',
      awaitedTaskIds: ['flex.0-0', 'flex.1-0', 'critical.0-0'],
    });
  });

  it('stops its victims though the preemptor has ended before', () => {
    const cell = full().putJob(critical);
    for (const [, task] of plan(cell, preempts).tasks) cell.putTasks([task]);
    const preemptor = cell.find('task', 'critical.0-0')?.record;
    if (preemptor === undefined) throw new Error('a task gets the room');
    cell.putTasks([{ ...preemptor, stop: { code: 'killed', text: '', atMs: t0 + 1 } }]);
    const report = aReport(preemptor, State.FINISHED, { stopped: true });
    const ended = { ...preempts, nowMs: t0 + 2, reports: [{ streamId: '1-0', report }], jobIds: [] };
    const round = plan(cell, ended);
    expect([...round.tasks.keys()]).toEqual(['critical.0-0']);
    for (const [, task] of round.tasks) cell.putTasks([task]);
    for (const id of ['flex.0-0', 'flex.1-0']) expect(cell.find('task', id)?.record).toMatchObject({ stop });
    const later = plan(cell, { ...preempts, nowMs: t0 + 3 });
    expect(later.tasks.size).toBe(0);
    expect(later.dueMs.get('flex')).toBe(t0 + killGraceMs + stopConfirmMs);
  });

  it('says nothing more to a victim that ends by itself, and is not in the way of the task', () => {
    const cell = full().putJob(critical);
    for (const [, task] of plan(cell, preempts).tasks) cell.putTasks([task]);
    const victim = cell.find('task', 'flex.0-0')?.record;
    if (victim === undefined) throw new Error('there is a victim');
    const report = aReport(victim, State.FINISHED);
    const round = plan(cell, { ...preempts, jobIds: [], reports: [{ streamId: '1-0', report }] });
    expect(round.tasks.get('flex.0-0')?.task?.state).toMatchObject({
      state: State.FINISHED,
      reason: 'normal',
    });
    expect(round.tasks.has('critical.0-0')).toBe(false);
  });

  it('orders victims to stop whose records lack that, since a master of an earlier version placed the task', () => {
    const cell = full().putJob(critical);
    const earlier = plan(cell, preempts);
    for (const id of ['flex.0-0', 'flex.1-0']) expect(earlier.tasks.has(id)).toBe(true);
    const placed = earlier.tasks.get('critical.0-0');
    if (placed === undefined) throw new Error('the task is placed');
    cell.putTasks([placed]);
    const later = t0 + minute / 60;
    const round = plan(cell, { ...preempts, nowMs: later });
    expect([...round.tasks.keys()]).toEqual(['flex.0-0', 'flex.1-0']);
    for (const [, task] of round.tasks)
      expect(task).toMatchObject({
        stop: { code: 'preempted', atMs: later },
        deadlineAtMs: later + killGraceMs + stopConfirmMs,
      });
    for (const [, task] of round.tasks) cell.putTasks([task]);
    expect(plan(cell, { ...preempts, nowMs: later }).tasks.size).toBe(0);
  });

  it('leaves a service with a missing task alone, and tries again later', () => {
    const web = aService({ id: 'web', desired: 4 });
    const cell = new TestCell()
      .putAgent({ cpuMillis: 4000 })
      .putJob(web)
      .putTasks([0, 1, 2].map((slot) => aTask({ job: web, slot, state: State.RUNNING })))
      .putTasks([aTask({ job: web, slot: 3, state: State.STARTING })])
      .putJob(critical);
    const round = plan(cell, preempts);
    expect(awaited(round)).toEqual([]);
    expect(round.queueDueMs).toBe(t0 + 5000);
  });
});

describe('a task that was refused', () => {
  it('goes on at once on another agent, and is placed again when the agent may take it again', () => {
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
