import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aService,
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

const job = aService({ desired: 2 });
const running = (slot: number, fields: Parameters<typeof aTask>[0] = {}) =>
  aTask({ job, slot, state: State.RUNNING, ...fields });
const liveSlots = ({ tasks = [] }: ViewOptions) =>
  tasks.filter(({ finishedAtMs, stop }) => finishedAtMs === 0 && stop === undefined).map(({ slot }) => slot);

describe('a service', () => {
  it('gets a task for each wanted instance', () => {
    expect(look({ job }).tasks.map(taskIdOf)).toEqual(['job-1.0-0', 'job-1.1-0']);
  });

  it('never ends by itself, however its tasks end', () => {
    const tasks = [aTask({ job, state: State.FINISHED }), aTask({ job, slot: 1, state: State.FAILED })];
    expect(look({ job, tasks }).status?.state?.state).toBe(State.RUNNING);
  });

  it('of no instances is live and has no tasks', () => {
    const { tasks, status } = look({ job: aService({ desired: 0 }) });
    expect(tasks).toHaveLength(0);
    expect(status?.state?.state).toBe(State.QUEUED);
  });

  it('settles: once its decision is carried out, it decides nothing more', () => {
    const first = look({ job, tasks: [running(0), aTask({ job, slot: 1, state: State.FAILED })] });
    const again = look(first.next);
    expect(again.tasks).toHaveLength(0);
    expect(again.status).toBeUndefined();
  });
});

describe('an ended service task', () => {
  it('that asked for something impossible is replaced at the longest back-off from the first one on', () => {
    const failed = aTask({ job, state: State.FAILED, code: 'invalidRequest' });
    const noted = look({ job, tasks: [failed, running(1)], uncommitted: [failed] });
    expect(noted.nextDueMs).toBe(t0 + limits.maxBackoffMs);
    expect(noted.tasks[0]?.task?.taskContext['task.nextAttemptAt']).toBe('2026-01-01T00:00:30.000Z');
  });

  it.each([
    { state: State.FINISHED, code: 'normal' },
    { state: State.FAILED, code: 'failed' },
    { state: State.FAILED, code: 'oom' },
  ])('with $code is replaced after the least delay, though there is no retry policy', ({ state, code }) => {
    const noted = look({ job, tasks: [aTask({ job, state, code }), running(1)] });
    expect(noted.nextDueMs).toBe(t0 + limits.minBackoffMs);
    const { tasks } = look(noted.next, { nowMs: noted.nextDueMs });
    expect(tasks.map((task) => [taskIdOf(task), task.replaced])).toEqual([
      ['job-1.0-0', true],
      ['job-1.0-1', false],
    ]);
  });

  it.each([
    { failures: 0, delayMs: 1 * second },
    { failures: 1, delayMs: 2 * second },
    { failures: 4, delayMs: 16 * second },
    { failures: 9, delayMs: 30 * second },
  ])(
    'after $failures short runs in a row is replaced after $delayMs ms, even by an immediate policy',
    ({ failures, delayMs }) => {
      const eager = aService({ retry: immediate(1) });
      const task = aTask({ job: eager, state: State.FAILED, record: { userRetries: failures } });
      const noted = look({ job: eager, tasks: [task] });
      expect(noted.nextDueMs).toBe(t0 + delayMs);
      expect(look(noted.next, { nowMs: t0 + delayMs }).tasks.at(-1)?.userRetries).toBe(failures + 1);
    },
  );

  it('is replaced after the delay of its policy if that is longer', () => {
    const patient = aService({
      retry: { $case: 'delayed', value: { initialDelayMs: 0, delayMs: 40 * second, retries: 0 } },
    });
    expect(look({ job: patient, tasks: [aTask({ job: patient, state: State.FAILED })] }).nextDueMs).toBe(
      t0 + 40 * second,
    );
  });

  it('that ran for long is replaced at once, and earlier failures are forgotten', () => {
    const endedAtMs = t0 + limits.stableRunMs;
    const task = must(
      endTask(running(0, { record: { userRetries: 7 } }), { code: 'failed', atMs: endedAtMs }),
    );
    const { tasks } = look({ job, tasks: [task, running(1)] }, { nowMs: endedAtMs });
    expect(tasks.at(-1)).toMatchObject({ slot: 0, attempt: 1, userRetries: 1 });
  });

  it('that was killed is replaced at once, and that counts as no failure', () => {
    const { tasks } = look({
      job,
      tasks: [aTask({ job, state: State.FINISHED, code: 'killed' }), running(1)],
    });
    expect(tasks.at(-1)).toMatchObject({ slot: 0, attempt: 1, userRetries: 0 });
  });

  it('that the system failed is replaced after a delay of the system, without counting as a failure', () => {
    const noted = look({ job, tasks: [aTask({ job, state: State.FAILED, code: 'agentLost' }), running(1)] });
    expect(noted.nextDueMs).toBe(t0 + limits.minBackoffMs);
    expect(look(noted.next, { nowMs: noted.nextDueMs }).tasks.at(-1)).toMatchObject({
      userRetries: 0,
      systemRetries: 1,
    });
  });
});

describe('a service that grows', () => {
  it('gets tasks in the lowest free slots', () => {
    const { tasks } = look({ job: aService({ desired: 4 }), tasks: [running(1), running(3)] });
    expect(tasks.map(taskIdOf)).toEqual(['job-1.0-0', 'job-1.2-0']);
  });

  it('does not use a slot again before its task is gone', () => {
    const leaving = running(0, { record: { stop: { code: 'scaledDown', text: '', atMs: t0 } } });
    const { tasks } = look({ job, tasks: [leaving, running(1)] });
    expect(tasks.map(taskIdOf)).toEqual(['job-1.2-0']);
  });

  it('goes on counting the attempts of a slot that is used again, and starts a new chain', () => {
    const gone = aTask({
      job,
      attempt: 3,
      state: State.FINISHED,
      code: 'scaledDown',
      record: { replaced: true },
    });
    const { tasks } = look({ job, tasks: [gone, running(1)] });
    expect(tasks.map(taskIdOf)).toEqual(['job-1.0-4']);
    expect(tasks[0]?.task?.taskContext).toMatchObject({
      'task.originalId': 'job-1.0-4',
      'task.resubmitNumber': '0',
    });
  });

  it('goes on counting even when the slot’s tasks have left the replica', () => {
    const first = look({ job, tasks: [running(0), running(1)] });
    const status = { ...must(first.next.status), slotAttempts: { 0: 8 } };
    expect(look({ job, status, tasks: [running(1)] }).tasks.map(taskIdOf)).toEqual(['job-1.0-9']);
  });
});

describe('a service that shrinks', () => {
  const smaller = aService({ desired: 1 });

  it('stops the surplus tasks, and waits for their ends', () => {
    const first = look({ job: smaller, tasks: [running(0), running(1), running(2)] });
    expect(first.tasks.map(({ stop }) => stop?.code)).toEqual(['scaledDown', 'scaledDown']);
    expect(first.nextDueMs).toBe(t0 + limits.killGraceMs + limits.stopConfirmMs);
    expect(liveSlots(first.next)).toHaveLength(1);
    expect(look(first.next).tasks).toHaveLength(0);
  });

  it('ends a QUEUED task at once, and its slot with it', () => {
    const first = look({ job: smaller, tasks: [running(0), aTask({ job: smaller, slot: 1 })] });
    expect(first.tasks).toHaveLength(1);
    expect(first.tasks[0]).toMatchObject({
      slot: 1,
      replaced: true,
      task: { state: { state: State.FINISHED, reason: 'scaledDown' } },
    });
    expect(look(first.next).tasks).toHaveLength(0);
  });

  it('gives up a slot that waits for a replacement first', () => {
    const waiting = aTask({
      job: smaller,
      slot: 1,
      state: State.FAILED,
      record: { replaceAtMs: t0 + minute },
    });
    const { tasks } = look({ job: smaller, tasks: [running(0), waiting] });
    expect(tasks).toHaveLength(1);
    expect(tasks[0]).toMatchObject({ slot: 1, replaced: true, replaceAtMs: 0 });
  });

  it('does not replace a task that ended by itself while it was being removed, and frees its slot', () => {
    const stop = { code: 'scaledDown', text: '', atMs: t0 };
    const ended = aTask({ job: smaller, slot: 1, state: State.FAILED, code: 'failed', record: { stop } });
    const first = look({ job: smaller, tasks: [running(0), ended] });
    expect(first.tasks.map(({ slot, replaced }) => [slot, replaced])).toEqual([[1, true]]);
    const grown = look({ ...first.next, job: aService({ desired: 2 }) });
    expect(grown.tasks.map(taskIdOf)).toEqual(['job-1.1-1']);
  });

  it('lets a killed task, which is stopping anyway, be the one that goes', () => {
    const killed = running(0, { record: { stop: { code: 'killed', text: '', atMs: t0 } } });
    const first = look({ job: smaller, tasks: [killed, running(1)] });
    expect(first.tasks).toHaveLength(0);
    const ended: TaskRecord = must(endTask(killed, { code: 'killed', atMs: t0 }));
    const second = look({ job: smaller, tasks: [ended, running(1)] });
    expect(second.tasks.map(({ slot, replaced }) => [slot, replaced])).toEqual([[0, true]]);
  });

  it('and grows again at once ends with as many tasks as are wanted', () => {
    const tasks = [running(0), running(1), running(2)];
    const shrunk = look({ job: smaller, tasks }).next;
    const grown = look({ ...shrunk, job: aService({ desired: 3 }) }).next;
    expect(liveSlots(grown)).toHaveLength(3);
    expect(new Set(must(grown.tasks).map(taskIdOf)).size).toBe(must(grown.tasks).length);
  });
});
