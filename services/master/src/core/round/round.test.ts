import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { State, taskState } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aJob,
  aReport,
  aService,
  aTask,
  immediate,
  limits,
  look,
  minute,
  must,
  t0,
} from '../../testing/fixtures.js';
import { TestCell } from '../../testing/test-cell.js';
import type { RoundInput, RoundReport } from '../plan/round-types.js';
import { WaitingTasks } from '../plan/waiting-tasks.js';
import { commitOf, isEmptyPlan } from './commit-plan.js';
import { planRound } from './round.js';

const maxWrites = 1000;

function plan(cell: TestCell, fields: Partial<RoundInput> = {}) {
  return planRound({
    cell,
    nowMs: t0,
    limits,
    patienceUntilMs: 0,
    jobIds: [...cell.all('job')].map(({ id }) => id),
    reports: [],
    queue: { waiting: waitingIn(cell), hasChanges: false },
    agents: cell,
    retireNow: new Set(),
    orphanStopIds: [],
    maxWrites,
    ...fields,
  });
}

function waitingIn(cell: TestCell): WaitingTasks {
  const tasks = [...cell.all('task')].map(({ record }) => record);
  return new WaitingTasks(tasks.filter((task) => taskState(task) === State.QUEUED));
}

const reports = (...all: ReturnType<typeof aReport>[]): RoundReport[] =>
  all.map((report, index) => ({ streamId: `${index + 1}-0`, report }));
const statesIn = (tasks: ReadonlyMap<string, TaskRecord>) =>
  Object.fromEntries([...tasks].map(([id, task]) => [id, taskState(task)]));

describe('a round', () => {
  it('creates and places the task of a new job in one commit', () => {
    const cell = new TestCell().putAgent().putJob(aJob());
    const round = plan(cell);
    expect(statesIn(round.tasks)).toEqual({ 'job-1.0-0': State.DISPATCHED });
    const { writes, assignments } = commitOf(cell, round, limits);
    expect(writes.map(({ kind, id }) => `${kind}/${id}`)).toEqual(['task/job-1.0-0', 'jobStatus/job-1']);
    expect(assignments).toMatchObject([
      { agentId: 'agent-1', taskId: 'job-1.0-0', assignment: { jobId: 'job-1' } },
    ]);
  });

  it('makes a job DISPATCHED with its first task, and reconciles again when that is stuck', () => {
    const round = plan(new TestCell().putAgent().putJob(aJob()));
    expect(round.statuses.get('job-1')?.state?.state).toBe(State.DISPATCHED);
    expect(round.dueMs.get('job-1')).toBe(t0 + limits.stuckDispatchedMs);
  });

  it('does the same for a job that it only places a waiting task of', () => {
    const cell = new TestCell().putAgent().putJob(aJob()).putTasks([aTask()]);
    const round = plan(cell, { jobIds: [], queue: { waiting: waitingIn(cell), hasChanges: true } });
    expect(round.statuses.get('job-1')?.state?.state).toBe(State.DISPATCHED);
    expect(round.placedDueMs.get('job-1')).toBe(t0 + limits.stuckDispatchedMs);
    expect(round.dueMs.has('job-1')).toBe(false);
  });

  it('says of a new task why it has to wait', () => {
    const round = plan(new TestCell().putAgent({ cpuMillis: 500 }).putJob(aJob()));
    expect(round.tasks.get('job-1.0-0')?.task?.state).toEqual({
      state: State.QUEUED,
      reason: 'waiting: too little cpu free on 1 agent (asks 1; the largest agent has 0.5: it never fits)',
    });
    expect(round.unplaced).toHaveLength(1);
  });

  it('places nothing on agents that are lost', () => {
    const cell = new TestCell().putAgent().putJob(aJob());
    cell.remove('agentStatus', 'agent-1');
    expect(statesIn(plan(cell).tasks)).toEqual({ 'job-1.0-0': State.QUEUED });
  });

  it('gives freed capacity to the task that has waited longest, not to a replacement', () => {
    const job = aJob({ retry: immediate(9), resources: { cpu: '4' } });
    const running = aTask({ job, state: State.RUNNING });
    const other = aJob({ id: 'job-2', resources: { cpu: '4' } });
    const cell = new TestCell().putAgent({ cpuMillis: 4000 }).putJob(job).putJob(other);
    cell.putTasks([running, aTask({ job: other })]);
    const round = plan(cell, { jobIds: [], reports: reports(aReport(running, State.FAILED)) });
    expect(statesIn(round.tasks)).toEqual({
      'job-1.0-0': State.FAILED,
      'job-1.0-1': State.QUEUED,
      'job-2.0-0': State.DISPATCHED,
    });
  });

  it('leaves the queue alone if nothing has changed for it', () => {
    const cell = new TestCell().putAgent().putJob(aJob()).putTasks([aTask()]);
    expect(isEmptyPlan(plan(cell, { jobIds: [] }))).toBe(true);
  });

  it('decides nothing for jobs that are not there', () => {
    const round = plan(new TestCell(), { jobIds: ['nobody'] });
    expect(isEmptyPlan(round)).toBe(true);
    expect(round.leftOver).toEqual([]);
  });
});

describe('the reports of a round', () => {
  const job = aJob({ desired: 2 });
  const running = [0, 1].map((slot) => aTask({ job, slot, state: State.RUNNING }));

  it('move their tasks and end their job', () => {
    const cell = new TestCell().putAgent().putJob(job).putTasks(running);
    const round = plan(cell, {
      jobIds: [],
      reports: reports(...running.map((task) => aReport(task, State.FINISHED))),
    });
    expect(round.statuses.get('job-1')?.state).toEqual({ state: State.FINISHED, reason: 'normal' });
    expect(commitOf(cell, round, limits).assignments).toEqual([
      { agentId: 'agent-1', taskId: 'job-1.0-0' },
      { agentId: 'agent-1', taskId: 'job-1.1-0' },
    ]);
  });

  it('are taken in their order, several of one task too', () => {
    const placed = aTask({ job, state: State.DISPATCHED });
    const cell = new TestCell()
      .putAgent()
      .putJob(job)
      .putTasks([placed, must(running[1])]);
    const states = [State.STARTING, State.RUNNING, State.FINISHED] as const;
    const round = plan(cell, {
      jobIds: [],
      reports: reports(...states.map((state) => aReport(placed, state))),
    });
    expect(round.tasks.get('job-1.0-0')?.task?.stateChanges.map(({ state }) => state)).toEqual([
      'QUEUED',
      'DISPATCHED',
      'STARTING',
      'RUNNING',
      'FINISHED',
    ]);
  });

  it('on tasks that are not known say nothing', () => {
    const cell = new TestCell().putAgent().putJob(job);
    expect(
      isEmptyPlan(plan(cell, { jobIds: [], reports: reports(aReport(must(running[0]), State.FINISHED)) })),
    ).toBe(true);
  });

  it('that end many tasks at once let none of them leave before its end is committed', () => {
    const service = aService({ desired: 60 });
    const tasks = Array.from({ length: 60 }, (_, slot) =>
      aTask({
        job: service,
        slot,
        state: State.RUNNING,
        record: { stop: { code: 'killed', text: '', atMs: t0 } },
      }),
    );
    const cell = new TestCell()
      .putAgent({ cpuMillis: 100_000, memoryMb: 100_000 })
      .putJob(service)
      .putTasks(tasks);
    const round = plan(cell, {
      reports: reports(...tasks.map((task) => aReport(task, State.FAILED, { stopped: true }))),
    });
    expect(round.removedTaskIds).toEqual([]);
    expect(round.tasks.size).toBe(120);
    cell.apply(commitOf(cell, round, limits).writes);
    const next = plan(cell);
    expect(next.removedTaskIds).toHaveLength(60 - limits.maxReplacedTasksPerJob);
    expect(commitOf(cell, next, limits).archive).toMatchObject([{ jobId: 'job-1' }]);
  });
});

describe('the budget of a round', () => {
  const writesOf = (cell: TestCell, round: ReturnType<typeof plan>) =>
    commitOf(cell, round, limits).writes.length;

  function runToEnd(cell: TestCell, fields: Partial<RoundInput> = {}): number {
    let rounds = 0;
    let jobIds: readonly string[] = [...cell.all('job')].map(({ id }) => id);
    for (let queueLeft = false; jobIds.length > 0 || queueLeft; rounds++) {
      const round = plan(cell, {
        jobIds,
        queue: { waiting: waitingIn(cell), hasChanges: queueLeft },
        ...fields,
      });
      expect(writesOf(cell, round)).toBeLessThanOrEqual(fields.maxWrites ?? maxWrites);
      expect(isEmptyPlan(round)).toBe(false);
      cell.apply(commitOf(cell, round, limits).writes);
      ({ leftOver: jobIds, queueLeft } = round);
    }
    return rounds;
  }

  it('spreads the kill of a large job over rounds', () => {
    const job = aJob({ desired: 2500, killed: true });
    const tasks = Array.from({ length: 2500 }, (_, slot) => aTask({ job, slot, state: State.RUNNING }));
    const cell = new TestCell().putAgent().putJob(job).putTasks(tasks);
    expect(runToEnd(cell)).toBe(3);
    expect([...cell.all('task')].every(({ record }) => record.stop?.code === 'killed')).toBe(true);
  });

  it('spreads the loss of an agent with many tasks over rounds', () => {
    const job = aService({ desired: 1500 });
    const tasks = Array.from({ length: 1500 }, (_, slot) => aTask({ job, slot, state: State.RUNNING }));
    const cell = new TestCell().putJob(job).putTasks(tasks);
    runToEnd(cell);
    expect([...cell.all('task')].filter(({ record }) => taskState(record) === State.FAILED)).toHaveLength(
      1500,
    );
  });

  it('counts the statuses of many small jobs', () => {
    const cell = new TestCell().putAgent({ cpuMillis: 1e6, memoryMb: 1e6 });
    for (let index = 0; index < 300; index++) cell.putJob(aJob({ id: `job-${index}` }));
    runToEnd(cell, { maxWrites: 100 });
    expect([...cell.all('jobStatus')].map(({ record }) => record.state?.state)).toEqual(
      Array(300).fill(State.DISPATCHED),
    );
  });

  it('is not in the way of a limit of live tasks that is greater', () => {
    const job = aJob({ desired: 30 });
    const cell = new TestCell().putAgent().putJob(job);
    const round = plan(cell, { limits: { ...limits, maxNotRunningPerJob: 5000 } });
    expect(round).toMatchObject({ leftOver: [], hasTasksLeft: false });
  });

  it('says if tasks are left over', () => {
    const cell = new TestCell().putAgent().putJob(aJob({ desired: 80 }));
    expect(plan(cell, { maxWrites: 20 })).toMatchObject({ leftOver: { length: 1 }, hasTasksLeft: true });
  });

  it('makes headway though it is tiny', () => {
    const job = aJob({ desired: 20 });
    const cell = new TestCell().putAgent({ cpuMillis: 1e6, memoryMb: 1e6 }).putJob(job);
    runToEnd(cell, { maxWrites: 8 });
    expect([...cell.all('task')].map(({ record }) => taskState(record))).toEqual(
      Array(20).fill(State.DISPATCHED),
    );
  });
});

describe('the records that leave the replica', () => {
  const job = aJob({ sequence: '001' });
  const ended = aTask({ job, state: State.FINISHED });
  const finished = () => {
    const cell = new TestCell().putJob(job).putTasks([ended]);
    return cell.put('jobStatus', job.id, must(look({ job, tasks: [ended] }).status));
  };

  it('go into the archive with all parts, and take stop requests along', () => {
    const cell = finished().put('taskStop', 'job-1.0-0', {
      taskId: 'job-1.0-0',
      wish: { atMs: t0, by: 'ada' },
    });
    const { writes, archive } = commitOf(
      cell,
      plan(cell, { nowMs: t0 + limits.finishedRetentionMs }),
      limits,
    );
    expect(writes.map(({ kind, id, record }) => [kind, id, record])).toEqual([
      ['task', 'job-1.0-0', undefined],
      ['taskStop', 'job-1.0-0', undefined],
      ['job', 'job-1', undefined],
      ['jobStatus', 'job-1', undefined],
    ]);
    expect(archive?.map(({ jobId, ttlMs, fields }) => [jobId, ttlMs, Object.keys(fields)])).toEqual([
      ['job-1', limits.archiveTtlMs, ['task/job-1.0-0', 'job', 'jobStatus']],
    ]);
  });

  it('leave early if there are too many finished jobs, at any time', () => {
    const cell = finished();
    expect(plan(cell, { nowMs: t0 - minute }).removedJobIds).toEqual([]);
    expect(plan(cell, { nowMs: t0 - minute, retireNow: new Set(['job-1']) }).removedJobIds).toEqual([
      'job-1',
    ]);
  });

  it('include stop requests of tasks that are gone', () => {
    const wish = { atMs: t0, by: 'ada' };
    const cell = finished()
      .put('taskStop', 'job-1.0-0', { taskId: 'job-1.0-0', wish })
      .put('taskStop', 'gone', { taskId: 'gone', wish });
    const round = plan(cell, { orphanStopIds: ['gone', 'job-1.0-0', 'never-was'] });
    expect(round.removedStopIds).toEqual(['gone']);
  });

  it('gives back the name that the job had claimed when the job ends, not when it leaves', () => {
    const running = new TestCell().putJob(job).putTasks([aTask({ job, state: State.RUNNING })]);
    expect(commitOf(running, plan(running), limits).releaseClaims).toEqual([]);
    const cell = new TestCell().putJob(job).putTasks([ended]);
    expect(commitOf(cell, plan(cell), limits).releaseClaims).toEqual([
      { name: 'group:["app","main","","001"]', owner: job.id },
    ]);
    const later = finished();
    expect(
      commitOf(later, plan(later, { nowMs: t0 + limits.finishedRetentionMs }), limits).releaseClaims,
    ).toEqual([]);
  });
});
