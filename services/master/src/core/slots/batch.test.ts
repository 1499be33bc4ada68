import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aJob,
  aTask,
  immediate,
  limits,
  look,
  minute,
  must,
  second,
  t0,
  type ViewOptions,
} from '../../testing/fixtures.js';
import { endTask } from '../task/end-task.js';

const failedAt = (atMs: number, fields: Parameters<typeof aTask>[0] = {}) =>
  aTask({ state: State.FAILED, atMs, ...fields });

describe('a batch job', () => {
  it('gets one QUEUED task for each of its slots', () => {
    const { tasks } = look({ job: aJob({ desired: 3 }) });
    expect(tasks.map(({ task }) => task?.id)).toEqual(['job-1.0-0', 'job-1.1-0', 'job-1.2-0']);
    expect(tasks.every(({ task }) => task?.state?.state === State.QUEUED)).toBe(true);
  });

  it('starts no more tasks at once than may be live without running', () => {
    const job = aJob({ desired: 10 });
    const few = { ...limits, maxNotRunningPerJob: 4 };
    const first = look({ job }, { limits: few });
    expect(first.tasks).toHaveLength(4);
    expect(look(first.next, { limits: few }).tasks).toHaveLength(0);
    const running = must(first.next.tasks).map(({ slot }) => aTask({ job, slot, state: State.RUNNING }));
    const second = look({ ...first.next, tasks: running }, { limits: few });
    expect(second.tasks.map(({ slot }) => slot)).toEqual([4, 5, 6, 7]);
  });

  it('fills only the slots that are empty', () => {
    const job = aJob({ desired: 3 });
    const { tasks } = look({ job, tasks: [aTask({ job, slot: 1, state: State.RUNNING })] });
    expect(tasks.map(({ slot }) => slot)).toEqual([0, 2]);
  });

  it('gives tasks the resources of their container', () => {
    const { tasks } = look({ job: aJob({ resources: { cpu: '0.5', memory: '256', ports: '80,81' } }) });
    expect(tasks[0]?.resources).toMatchObject({ cpuMillis: 500, memoryMb: 256, ports: 2 });
  });

  it('is FINISHED normal when every slot has ended normal', () => {
    const job = aJob({ desired: 2 });
    const tasks = [0, 1].map((slot) => aTask({ job, slot, state: State.FINISHED }));
    const { status } = look({ job, tasks });
    expect(status?.state).toEqual({ state: State.FINISHED, reason: 'normal' });
    expect(status?.finishedAtMs).toBe(t0);
  });

  it('waits for its other slots when one has failed', () => {
    const job = aJob({ desired: 2 });
    const tasks = [failedAt(t0, { job }), aTask({ job, slot: 1, state: State.RUNNING })];
    expect(look({ job, tasks }).status?.state?.state).toBe(State.RUNNING);
  });

  it('is FAILED, and says how many tasks failed and how the first did, when a slot has failed', () => {
    const job = aJob({ desired: 3 });
    const tasks = [
      aTask({ job, slot: 0, state: State.FINISHED }),
      must(
        endTask(aTask({ job, slot: 1, state: State.RUNNING }), {
          code: 'failed',
          text: 'exit code 3',
          atMs: t0,
        }),
      ),
      aTask({ job, slot: 2, state: State.FAILED, code: 'oom' }),
    ];
    expect(look({ job, tasks }).status?.state).toEqual({
      state: State.FAILED,
      reason: 'failed: 2 of 3 tasks failed; task job-1.1-0: failed: exit code 3',
    });
  });

  it('of no tasks is FINISHED at once', () => {
    expect(look({ job: aJob({ desired: 0 }) }).status?.state).toEqual({
      state: State.FINISHED,
      reason: 'normal',
    });
  });
});

describe('a failed batch task', () => {
  it('is not tried again without a retry policy', () => {
    const job = aJob();
    const { tasks, status } = look({ job, tasks: [failedAt(t0, { job })] });
    expect(tasks).toHaveLength(0);
    expect(status?.state?.state).toBe(State.FAILED);
  });

  it('is replaced at once by an immediate policy, for as many times as that allows', () => {
    const job = aJob({ retry: immediate(2) });
    const first = look({ job, tasks: [failedAt(t0, { job })] });
    expect(first.tasks.map(({ task, replaced }) => [task?.id, replaced])).toEqual([
      ['job-1.0-0', true],
      ['job-1.0-1', false],
    ]);
    expect(first.tasks[1]).toMatchObject({ userRetries: 1, systemRetries: 0 });
    const spent = failedAt(t0, { job, attempt: 2, record: { userRetries: 2 } });
    expect(look({ job, tasks: [spent] }).status?.state?.state).toBe(State.FAILED);
  });

  it('names its chain and the task that it replaces in the context of the next', () => {
    const job = aJob({ retry: immediate(5) });
    const first = look({ job, tasks: [failedAt(t0, { job })] });
    const again = must(first.next.tasks).map((task) =>
      task.attempt === 1 ? must(endTask(task, { code: 'failed', atMs: t0 })) : task,
    );
    const { tasks } = look({ ...first.next, tasks: again });
    expect(tasks.at(-1)?.task?.taskContext).toEqual({
      'task.index': '0',
      'task.resubmitNumber': '2',
      'task.originalId': 'job-1.0-0',
      'task.resubmitOf': 'job-1.0-1',
    });
  });

  it.each([
    { retry: 0, delayMs: 7 * second },
    { retry: 1, delayMs: 3 * second },
    { retry: 2, delayMs: 3 * second },
  ])('waits for the delay of a delayed policy: retry $retry after $delayMs ms', ({ retry, delayMs }) => {
    const policy = {
      $case: 'delayed',
      value: { initialDelayMs: 7 * second, delayMs: 3 * second, retries: 9 },
    } as const;
    expectReplacedAfter({ job: aJob({ retry: policy }) }, retry, delayMs);
  });

  it.each([
    { retry: 0, delayMs: 2 * second },
    { retry: 1, delayMs: 4 * second },
    { retry: 2, delayMs: 8 * second },
    { retry: 3, delayMs: 10 * second },
    { retry: 8, delayMs: 10 * second },
  ])(
    'waits twice as long each time by an exponential policy, up to its maximum: retry $retry after $delayMs ms',
    ({ retry, delayMs }) => {
      const value = { initialDelayMs: 2 * second, maxDelayIntervalMs: 10 * second, retries: 9 };
      expectReplacedAfter({ job: aJob({ retry: { $case: 'exponentialBackOff', value } }) }, retry, delayMs);
    },
  );

  function expectReplacedAfter(
    { job }: Required<Pick<ViewOptions, 'job'>>,
    userRetries: number,
    delayMs: number,
  ) {
    const noted = look({ job, tasks: [failedAt(t0, { job, record: { userRetries } })] });
    expect(noted.tasks).toHaveLength(1);
    expect(noted.tasks[0]).toMatchObject({ replaceAtMs: t0 + delayMs, replaced: false });
    expect(noted.nextDueMs).toBe(t0 + delayMs);
    expect(noted.status?.state?.state).toBe(State.RUNNING);
    expect(look(noted.next, { nowMs: t0 + delayMs - 1 }).tasks).toHaveLength(0);
    const replaced = look(noted.next, { nowMs: t0 + delayMs });
    expect(replaced.tasks.map(({ attempt }) => attempt)).toEqual([0, 1]);
    expect(replaced.tasks[0]).toMatchObject({ replaced: true, replaceAtMs: 0 });
    expect(replaced.tasks[1]?.userRetries).toBe(userRetries + 1);
  }

  it('keeps the delay that was noted, whatever the limits are later', () => {
    const job = aJob();
    const noted = look({ job, tasks: [failedAt(t0, { job, code: 'systemError' })] });
    const later = look(noted.next, {
      nowMs: t0 + second,
      limits: { ...limits, minBackoffMs: minute, maxBackoffMs: minute },
    });
    expect(later.tasks.map(({ attempt }) => attempt)).toEqual([0, 1]);
  });

  it('that is due asks for no further pass while there are no writes left for its replacement', () => {
    const job = aJob({
      desired: 2,
      retry: { $case: 'delayed', value: { initialDelayMs: 0, delayMs: second, retries: 1 } },
    });
    const full = { ...limits, maxNotRunningPerJob: 1 };
    const tasks = [failedAt(t0, { job, record: { replaceAtMs: t0 + second } }), aTask({ job, slot: 1 })];
    const blocked = look({ job, tasks }, { nowMs: t0 + minute, limits: full });
    expect(blocked.tasks).toHaveLength(0);
    expect(blocked.nextDueMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('the retries of a batch task', () => {
  it('are used up by every failure, however long the task had run', () => {
    const job = aJob({ retry: immediate(2) });
    const ran = { userRetries: 1, runningAtMs: t0 - 2 * limits.stableRunMs };
    const { tasks } = look({ job, tasks: [failedAt(t0, { job, record: ran })] });
    expect(tasks.at(-1)?.userRetries).toBe(2);
  });
});

describe('a batch task that the system failed', () => {
  it.each(['systemError', 'agentLost', 'stuckInState'])(
    'with %s is tried again without using up retries',
    (code) => {
      const job = aJob();
      const noted = look({ job, tasks: [failedAt(t0, { job, code })] });
      expect(noted.nextDueMs).toBe(t0 + limits.minBackoffMs);
      const { tasks, status } = look(noted.next, { nowMs: noted.nextDueMs });
      expect(tasks.at(-1)).toMatchObject({ attempt: 1, userRetries: 0, systemRetries: 1 });
      expect(status).toBeUndefined();
    },
  );

  it.each([
    { systemRetries: 1, delayMs: 2 * second },
    { systemRetries: 4, delayMs: 16 * second },
    { systemRetries: 5, delayMs: 30 * second },
    { systemRetries: 60, delayMs: 30 * second },
  ])(
    'is tried again after $delayMs ms when that happened $systemRetries times before',
    ({ systemRetries, delayMs }) => {
      const job = aJob();
      const task = failedAt(t0, { job, code: 'agentLost', record: { systemRetries } });
      expect(look({ job, tasks: [task] }).nextDueMs).toBe(t0 + delayMs);
    },
  );

  it('after a long run is tried again soon, however often it had happened before that', () => {
    const job = aJob();
    const task = failedAt(t0, {
      job,
      code: 'agentLost',
      record: { systemRetries: 9, runningAtMs: t0 - limits.stableRunMs },
    });
    const noted = look({ job, tasks: [task] });
    expect(noted.nextDueMs).toBe(t0 + limits.minBackoffMs);
    expect(look(noted.next, { nowMs: noted.nextDueMs }).tasks.at(-1)?.systemRetries).toBe(1);
  });

  it('keeps the retries that the user has used', () => {
    const job = aJob({ retry: immediate(3) });
    const noted = look({
      job,
      tasks: [failedAt(t0, { job, code: 'agentLost', record: { userRetries: 2 } })],
    });
    expect(look(noted.next, { nowMs: noted.nextDueMs }).tasks.at(-1)?.userRetries).toBe(2);
  });
});

describe('a killed batch task', () => {
  const job = aJob({ desired: 2, retry: immediate(5) });

  it('ends its slot, and its job as a killed one', () => {
    const tasks = [
      aTask({ job, state: State.FINISHED, code: 'killed' }),
      aTask({ job, slot: 1, state: State.FINISHED }),
    ];
    const { tasks: changed, status } = look({ job, tasks });
    expect(changed).toHaveLength(0);
    expect(status?.state).toEqual({
      state: State.FINISHED,
      reason: 'killed: 1 of 2 tasks ended by a kill',
    });
  });

  it('is not tried again, and stays failed, when it failed by itself while it was being stopped', () => {
    const stop = { code: 'killed', text: '', atMs: t0 };
    const tasks = [failedAt(t0, { job, record: { stop } }), aTask({ job, slot: 1, state: State.FINISHED })];
    expect(look({ job, tasks }).status?.state).toEqual({
      state: State.FAILED,
      reason: 'failed: 1 of 2 tasks failed; task job-1.0-0: failed; it was killed, so it is not tried again',
    });
  });

  it('is not tried again when it failed by itself before the order to stop was made', () => {
    const tasks = [failedAt(t0, { job }), aTask({ job, slot: 1, state: State.FINISHED })];
    const { tasks: changed, status } = look({ job, tasks, stopRequests: ['job-1.0-0'] });
    expect(changed.map(({ slot, stop }) => [slot, stop?.code])).toEqual([[0, 'killed']]);
    expect(status?.state?.state).toBe(State.FAILED);
  });
});
