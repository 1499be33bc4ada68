import { AgentState } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import type { Write } from '@berth/store';
import { describe, expect, it } from 'vitest';
import { masterActor } from '../commit/leader-committer.js';
import { aJob, anAgentStatus, aTask, look, must, second, t0 } from '../testing/fixtures.js';
import { TestCell } from '../testing/test-cell.js';
import { PendingWork } from './pending-work.js';

const job = aJob();
const wish = { taskId: 'job-1.0-0', wish: { atMs: t0, by: 'ada' } };
const finishedStatus = (jobId: string, finishedAtMs: number) => ({
  ...must(look({ job: aJob({ id: jobId, desired: 0 }) }).status),
  finishedAtMs,
});

/** Pending work that was emptied, and a way to change the cell that it follows. */
function workOf(cell: TestCell, maxFinishedJobs = 10) {
  const work = new PendingWork(cell, maxFinishedJobs);
  work.takeJobs(t0);
  work.takeQueue(t0);
  const commit = (actor: string, ...writes: Write[]) => {
    work.take({ revision: cell.revision, commitId: '', atMs: t0, actor, changes: cell.apply(writes) });
  };
  return { work, commit };
}

const taskWrite = (task: ReturnType<typeof aTask>): Write => ({
  kind: 'task',
  id: taskIdOf(task),
  record: task,
});

describe('a new work', () => {
  it('has all jobs and the whole queue on it', () => {
    const cell = new TestCell()
      .putJob(job)
      .putJob(aJob({ id: 'job-2' }))
      .putTasks([aTask(), aTask({ slot: 1, state: State.RUNNING })]);
    const work = new PendingWork(cell, 10);
    expect(work.hasWork(t0)).toBe(true);
    expect(work.takeJobs(t0)).toEqual(['job-1', 'job-2']);
    const { waiting, hasChanges } = work.takeQueue(t0);
    expect([[...waiting.ids()], hasChanges]).toEqual([['job-1.0-0'], true]);
    expect(work.hasWork(t0)).toBe(false);
  });
});

describe('the work has a job on it', () => {
  it('when the job is created or changed', () => {
    const { work, commit } = workOf(new TestCell());
    commit('ada', { kind: 'job', id: 'job-1', record: job });
    expect(work.takeJobs(t0)).toEqual(['job-1']);
    commit('ada', { kind: 'job', id: 'job-1', record: { ...job, kill: wish.wish } });
    expect(work.takeJobs(t0)).toEqual(['job-1']);
  });

  it('when a caller wants one of its tasks to stop', () => {
    const { work, commit } = workOf(new TestCell().putJob(job).putTasks([aTask()]));
    commit('ada', { kind: 'taskStop', id: 'job-1.0-0', record: wish });
    expect(work.takeJobs(t0)).toEqual(['job-1']);
  });

  it('when it has live tasks on an agent that is lost', () => {
    const cell = new TestCell().putAgent().putAgent({ id: 'agent-2' }).putJob(job);
    cell.putTasks([
      aTask({ state: State.RUNNING }),
      aTask({ job: aJob({ id: 'job-2' }), state: State.RUNNING, agentId: 'agent-2' }),
    ]);
    const { work, commit } = workOf(cell);
    commit(masterActor, {
      kind: 'agentStatus',
      id: 'agent-1',
      record: anAgentStatus('agent-1', AgentState.LOST),
    });
    expect(work.takeJobs(t0)).toEqual(['job-1']);
  });

  it('when its time has come', () => {
    const { work } = workOf(new TestCell());
    work.due.set('job-1', t0 + second);
    expect([work.hasWork(t0), work.hasWork(t0 + second)]).toEqual([false, true]);
    expect(work.takeJobs(t0 + second)).toEqual(['job-1']);
  });

  it('when its tasks were changed by a store that was set back, but not when the master changed them itself', () => {
    const { work, commit } = workOf(new TestCell().putJob(job).putTasks([aTask({ state: State.RUNNING })]));
    commit(masterActor, taskWrite(aTask({ state: State.FAILED })));
    expect(work.takeJobs(t0)).toEqual([]);
    commit('resync', taskWrite(aTask({ state: State.RUNNING })));
    expect(work.takeJobs(t0)).toEqual(['job-1']);
  });

  it('no more once it is gone', () => {
    const { work, commit } = workOf(new TestCell().putJob(job));
    work.due.set('job-1', t0);
    work.touch(['job-1']);
    commit(masterActor, { kind: 'job', id: 'job-1' });
    expect(work.hasWork(t0)).toBe(false);
  });
});

describe('the queue has changes', () => {
  const waiting = () =>
    new TestCell()
      .putAgent()
      .putJob(job)
      .putTasks([aTask(), aTask({ slot: 1, state: State.RUNNING })]);

  it('when a task ends that had an agent', () => {
    const { work, commit } = workOf(waiting());
    commit(masterActor, taskWrite(aTask({ slot: 1, state: State.FINISHED })));
    expect(work.takeQueue(t0).hasChanges).toBe(true);
    expect(work.takeQueue(t0).hasChanges).toBe(false);
  });

  it('when an agent comes or changes', () => {
    const { work, commit } = workOf(waiting());
    commit(masterActor, { kind: 'agentStatus', id: 'agent-2', record: anAgentStatus('agent-2') });
    expect([work.hasWork(t0), work.takeQueue(t0).hasChanges]).toEqual([true, true]);
  });

  it('when an agent that failed launches may take a task on trial', () => {
    const { work, commit } = workOf(waiting());
    const launchFailures = { count: 1, lastAtMs: t0, reason: 'systemError', incarnation: '1' };
    const record = { ...anAgentStatus('agent-1'), launchFailures };
    work.takeQueue(t0);
    commit(masterActor, { kind: 'agentStatus', id: 'agent-1', record });
    expect(work.takeQueue(t0).hasChanges).toBe(true);
    // It is the only agent, so its first trial is soon.
    expect([work.nextMs(), work.hasWork(t0 + second - 1)]).toEqual([t0 + second, false]);
    expect(work.takeQueue(t0 + second).hasChanges).toBe(true);
    expect([work.nextMs(), work.hasWork(t0 + second)]).toEqual([Number.POSITIVE_INFINITY, false]);
  });

  it('not when a task only moves on, or another one has to wait', () => {
    const { work, commit } = workOf(waiting());
    commit(masterActor, taskWrite(aTask({ slot: 2 })), taskWrite(aTask({ slot: 3, state: State.STARTING })));
    const { waiting: queue, hasChanges } = work.takeQueue(t0);
    expect([[...queue.ids()], hasChanges]).toEqual([['job-1.0-0', 'job-1.2-0'], false]);
  });

  it('and is shorter by the tasks that were placed', () => {
    const { work, commit } = workOf(waiting());
    commit(masterActor, taskWrite(aTask({ state: State.DISPATCHED })));
    expect(work.queueLength).toBe(0);
  });
});

describe('finished jobs', () => {
  const finished = () => {
    const cell = new TestCell();
    for (const [id, atMs] of [
      ['late', 3],
      ['early', 1],
      ['middle', 2],
    ] as const) {
      cell.putJob(aJob({ id })).put('jobStatus', id, finishedStatus(id, t0 + atMs));
    }
    return cell;
  };

  it('that are too many are on the work, the oldest first', () => {
    const { work } = workOf(finished(), 1);
    expect(work.hasWork(t0)).toBe(true);
    expect([...work.surplusFinished()]).toEqual(['early', 'middle']);
    expect(work.takeJobs(t0)).toEqual(['early', 'middle']);
  });

  it('are on it until they are gone', () => {
    const { work, commit } = workOf(finished(), 2);
    commit(masterActor, { kind: 'job', id: 'early' }, { kind: 'jobStatus', id: 'early' });
    expect([...work.surplusFinished()]).toEqual([]);
    expect(work.hasWork(t0)).toBe(false);
  });

  it('are not on it while they are few enough', () => {
    const { work } = workOf(finished(), 3);
    expect([...work.surplusFinished()]).toEqual([]);
  });
});

describe('stop requests of tasks that are gone', () => {
  it('are on the work, whichever went first, until they are removed', () => {
    const { work, commit } = workOf(new TestCell().putJob(job).putTasks([aTask({ state: State.FINISHED })]));
    commit('ada', { kind: 'taskStop', id: 'gone', record: { ...wish, taskId: 'gone' } });
    commit('ada', { kind: 'taskStop', id: 'job-1.0-0', record: wish });
    expect(work.orphanStops()).toEqual(['gone']);
    commit(masterActor, { kind: 'task', id: 'job-1.0-0' });
    expect(work.orphanStops()).toEqual(['gone', 'job-1.0-0']);
    commit(masterActor, { kind: 'taskStop', id: 'gone' }, { kind: 'taskStop', id: 'job-1.0-0' });
    work.takeJobs(t0);
    expect([work.orphanStops(), work.hasWork(t0)]).toEqual([[], false]);
  });
});
