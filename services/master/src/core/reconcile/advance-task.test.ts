import { State, taskState } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aJob,
  aService,
  aTask,
  immediate,
  limits,
  look,
  minute,
  must,
  second,
  t0,
} from '../../testing/fixtures.js';

const stopTimeMs = limits.killGraceMs + limits.stopConfirmMs;
const killedJob = aJob({ killed: true, desired: 2, retry: immediate(3) });

describe('an order to stop', () => {
  it.each([State.DISPATCHED, State.STARTING, State.RUNNING])(
    'is given to a task in state %i that has an agent',
    (state) => {
      const { tasks, nextDueMs } = look({
        job: aJob(),
        tasks: [aTask({ state })],
        stopRequests: ['job-1.0-0'],
      });
      expect(tasks).toHaveLength(1);
      expect(tasks[0]?.stop).toEqual({ code: 'killed', text: '', atMs: t0 });
      expect(taskState(must(tasks[0]))).toBe(state);
      expect(nextDueMs).toBe(t0 + stopTimeMs);
    },
  );

  it('ends a task that has no agent yet at once', () => {
    const { tasks, status } = look({ job: aJob(), tasks: [aTask()], stopRequests: ['job-1.0-0'] });
    expect(tasks[0]?.task?.state).toEqual({ state: State.FINISHED, reason: 'killed' });
    expect(status?.state).toEqual({ state: State.FINISHED, reason: 'killed' });
  });

  it('is given once', () => {
    const first = look({
      job: aJob(),
      tasks: [aTask({ state: State.RUNNING })],
      stopRequests: ['job-1.0-0'],
    });
    expect(look(first.next, { nowMs: t0 + second }).tasks).toHaveLength(0);
  });

  it('that is not confirmed in time counts as obeyed', () => {
    const first = look({
      job: aJob(),
      tasks: [aTask({ state: State.RUNNING })],
      stopRequests: ['job-1.0-0'],
    });
    expect(look(first.next, { nowMs: t0 + stopTimeMs - 1 }).tasks).toHaveLength(0);
    const { tasks, status } = look(first.next, { nowMs: t0 + stopTimeMs });
    expect(tasks[0]?.task?.state).toEqual({ state: State.FINISHED, reason: 'killed' });
    expect(status?.state?.state).toBe(State.FINISHED);
  });

  it('stands when another one follows', () => {
    const stop = { code: 'runtimeLimitExceeded', text: 'late', atMs: t0 };
    const task = aTask({ state: State.RUNNING, record: { stop, deadlineAtMs: t0 + minute } });
    expect(look({ job: aJob(), tasks: [task], stopRequests: ['job-1.0-0'] }).tasks).toHaveLength(0);
  });

  it('in a service leads to a replacement once the task has ended', () => {
    const job = aService();
    const first = look({ job, tasks: [aTask({ job })], stopRequests: ['job-1.0-0'] });
    expect(first.tasks.map(({ attempt, replaced }) => [attempt, replaced])).toEqual([
      [0, true],
      [1, false],
    ]);
  });
});

describe('a killed job', () => {
  it('stops all of its tasks and waits for them', () => {
    const tasks = [
      aTask({ job: killedJob, state: State.RUNNING }),
      aTask({ job: killedJob, slot: 1, state: State.STARTING }),
    ];
    const first = look({ job: killedJob, tasks });
    expect(first.tasks.map(({ stop }) => stop?.code)).toEqual(['killed', 'killed']);
    expect(first.status?.state?.state).toBe(State.RUNNING);
  });

  it('is FINISHED killed when its last task has ended', () => {
    const tasks = [aTask({ job: killedJob }), aTask({ job: killedJob, slot: 1, state: State.FAILED })];
    const { status } = look({ job: killedJob, tasks });
    expect(status?.state).toEqual({ state: State.FINISHED, reason: 'killed' });
  });

  it('of which nothing was started yet is FINISHED killed, and starts nothing', () => {
    const { tasks, status } = look({ job: killedJob });
    expect(tasks).toHaveLength(0);
    expect(status?.state).toEqual({ state: State.FINISHED, reason: 'killed' });
  });

  it('replaces nothing, and asks for no pass for a replacement that was due', () => {
    const job = aService({ killed: true, desired: 2 });
    const waiting = aTask({ job, state: State.FAILED, record: { replaceAtMs: t0 + second } });
    const stopping = aTask({ job, slot: 1, state: State.RUNNING });
    const first = look({ job, tasks: [waiting, stopping] });
    const later = look(first.next, { nowMs: t0 + 2 * second });
    expect(later.tasks).toHaveLength(0);
    expect(later.nextDueMs).toBe(t0 + stopTimeMs);
  });
});

describe('a task that makes no progress', () => {
  it('in DISPATCHED has failed after its time, and is placed anew', () => {
    const first = look({ job: aJob(), tasks: [aTask({ state: State.DISPATCHED })] });
    expect(first.nextDueMs).toBe(t0 + limits.stuckDispatchedMs);
    const { tasks } = look(first.next, { nowMs: first.nextDueMs });
    expect(tasks[0]?.task?.state).toEqual({
      state: State.FAILED,
      reason: 'stuckInState: agent agent-1 did not begin to start it in time',
    });
    expect(tasks[0]).toMatchObject({ deadlineAtMs: 0, replaceAtMs: first.nextDueMs + limits.minBackoffMs });
  });

  it('in STARTING has failed after its time', () => {
    const first = look({ job: aJob(), tasks: [aTask({ state: State.STARTING })] });
    expect(first.nextDueMs).toBe(t0 + limits.stuckStartingMs);
    const { tasks } = look(first.next, { nowMs: first.nextDueMs });
    expect(tasks[0]?.task?.state?.reason).toBe('stuckInState: it did not start on agent agent-1 in time');
  });

  it('while QUEUED may wait for ever', () => {
    const first = look({ job: aJob(), tasks: [aTask()] });
    expect(first.nextDueMs).toBe(Number.POSITIVE_INFINITY);
    expect(look(first.next, { nowMs: t0 + 1e9 }).tasks).toHaveLength(0);
  });
});

describe('a task with a runtime limit', () => {
  const job = aJob({ runtimeLimitSecs: 60, retry: immediate(1) });
  const running = aTask({ job, state: State.RUNNING, record: { deadlineAtMs: t0 + minute } });

  it('is stopped when it has run for that long, and named after that', () => {
    expect(look({ job, tasks: [running] }, { nowMs: t0 + minute - 1 }).tasks).toHaveLength(0);
    const first = look({ job, tasks: [running] }, { nowMs: t0 + minute });
    expect(first.tasks[0]?.stop?.code).toBe('runtimeLimitExceeded');
    expect(first.nextDueMs).toBe(t0 + minute + stopTimeMs);
    const { tasks } = look(first.next, { nowMs: first.nextDueMs });
    expect(tasks[0]?.task?.state?.state).toBe(State.FAILED);
    expect(tasks[0]?.task?.state?.reason).toMatch(/^runtimeLimitExceeded: /);
  });
});

describe('a task of a lost agent', () => {
  it.each([State.DISPATCHED, State.STARTING, State.RUNNING])(
    'in state %i has failed, by no fault of the user’s',
    (state) => {
      const { tasks } = look({ job: aJob(), tasks: [aTask({ state })], lostAgents: ['agent-1'] });
      expect(tasks[0]?.task?.state).toEqual({
        state: State.FAILED,
        reason: 'agentLost: agent agent-1 was lost',
      });
      expect(tasks[0]?.replaceAtMs).toBe(t0 + limits.minBackoffMs);
    },
  );

  it('that was to stop has stopped', () => {
    const stop = { code: 'killed', text: '', atMs: t0 };
    const task = aTask({ state: State.RUNNING, record: { stop, deadlineAtMs: t0 + minute } });
    const { tasks, status } = look({ job: aJob(), tasks: [task], lostAgents: ['agent-1'] });
    expect(tasks[0]?.task?.state).toEqual({ state: State.FINISHED, reason: 'killed' });
    expect(status?.state?.state).toBe(State.FINISHED);
  });

  it('that a caller wants to stop at the same time has stopped', () => {
    const { tasks } = look({
      tasks: [aTask({ state: State.RUNNING })],
      lostAgents: ['agent-1'],
      stopRequests: ['job-1.0-0'],
    });
    expect(tasks[0]?.task?.state?.reason).toBe('killed');
  });
});

describe('patience', () => {
  const patienceUntilMs = t0 + 5 * minute;

  it('puts off the judgement of deadlines that have passed', () => {
    const first = look(
      { tasks: [aTask({ state: State.DISPATCHED })] },
      { nowMs: t0 + 2 * minute, patienceUntilMs },
    );
    expect(first.tasks).toHaveLength(0);
    expect(first.nextDueMs).toBe(patienceUntilMs);
    expect(look(first.next, { nowMs: patienceUntilMs, patienceUntilMs }).tasks).toHaveLength(1);
  });

  it('does not put off the order to stop a task that runs longer than it may', () => {
    const task = aTask({ state: State.RUNNING, record: { deadlineAtMs: t0 + minute } });
    const early = look({ tasks: [task] }, { nowMs: t0, patienceUntilMs });
    expect(early.nextDueMs).toBe(t0 + minute);
    const { tasks, nextDueMs } = look(early.next, { nowMs: t0 + minute, patienceUntilMs });
    expect(tasks[0]?.stop?.code).toBe('runtimeLimitExceeded');
    // A report that it obeyed may be on its way.
    expect(nextDueMs).toBe(patienceUntilMs);
  });

  it('does not put off replacements, kills or the loss of agents', () => {
    const job = aJob({ desired: 3 });
    const tasks = [
      aTask({ job, slot: 0, state: State.FAILED, code: 'agentLost', record: { replaceAtMs: t0 + second } }),
      aTask({ job, slot: 1, state: State.RUNNING, agentId: 'gone' }),
      aTask({ job, slot: 2, state: State.RUNNING }),
    ];
    const options = { job, tasks, lostAgents: ['gone'], stopRequests: ['job-1.2-0'] };
    expect(
      look(options, { nowMs: t0 + minute, patienceUntilMs })
        .tasks.map(({ slot }) => slot)
        .toSorted(),
    ).toEqual([0, 0, 1, 2]);
  });
});

describe('a pass with few writes', () => {
  const tasks = Array.from({ length: 30 }, (_, slot) =>
    aTask({ job: killedJob, slot, state: State.RUNNING }),
  );

  it('decides as much as fits, and says that something is left', () => {
    const first = look({ job: killedJob, tasks }, { maxWrites: 11 });
    expect(first.tasks).toHaveLength(10);
    expect(first.isComplete).toBe(false);
    const second = look(first.next, { maxWrites: 100 });
    expect(second.tasks).toHaveLength(20);
    expect(second.isComplete).toBe(true);
  });

  it('never separates the end of a task from its replacement', () => {
    const job = aJob({ desired: 4, retry: immediate(1) });
    const failed = [0, 1, 2, 3].map((slot) => aTask({ job, slot, state: State.FAILED }));
    const { tasks: changed, isComplete } = look({ job, tasks: failed }, { maxWrites: 6 });
    expect(changed.map(({ slot, attempt }) => `${slot}-${attempt}`).toSorted()).toEqual([
      '0-0',
      '0-1',
      '1-0',
      '1-1',
    ]);
    expect(isComplete).toBe(false);
  });
});
