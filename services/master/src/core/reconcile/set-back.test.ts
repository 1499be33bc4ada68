import { State, toRfc3339 } from '@berth/shared/model/task/task-state';
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

const hour = 60 * minute;
/** The time of a leader whose clock runs an hour ahead, while it is t0. */
const aheadMs = t0 + hour;

describe('a job that a leader whose clock ran ahead has left', () => {
  it('leaves after the retention if it is finished, counted from the first look of the next leader', () => {
    const ended = look(
      { job: aJob(), tasks: [aTask({ state: State.FINISHED, atMs: aheadMs })] },
      { nowMs: aheadMs },
    );
    expect(must(ended.status).finishedAtMs).toBe(aheadMs);
    const found = look(ended.next, { nowMs: t0 });
    expect(must(found.status)).toMatchObject({ finishedAtMs: t0 });
    expect(found.nextDueMs).toBe(t0 + limits.finishedRetentionMs);
    expect(must(found.status).stateChanges.at(-1)?.timestamp).toBe(toRfc3339(t0));
    expect(look(found.next, { nowMs: t0 + second }).status).toBeUndefined();
    expect(look(found.next, { nowMs: t0 + limits.finishedRetentionMs }).retired.job).toBe(true);
  });

  it('has its retries at their delay from now', () => {
    const job = aJob({
      retry: { $case: 'delayed', value: { initialDelayMs: 0, delayMs: 5000, retries: 3 } },
    });
    const failed = aTask({ job, state: State.FAILED, atMs: aheadMs });
    const waiting = look({ job, tasks: [failed] }, { nowMs: aheadMs });
    expect(must(waiting.tasks[0]).replaceAtMs).toBe(aheadMs + 5000);
    const found = look(waiting.next, { nowMs: t0 });
    expect(must(found.tasks[0])).toMatchObject({ replaceAtMs: t0 + 5000, finishedAtMs: t0 });
    const retried = look(found.next, { nowMs: t0 + 5000 });
    expect(retried.tasks.map((task) => task.attempt)).toContain(1);
  });

  it.each([
    { name: 'its dispatch', state: State.DISPATCHED, spanMs: limits.stuckDispatchedMs },
    { name: 'its start', state: State.STARTING, spanMs: limits.stuckStartingMs },
    { name: 'its runtime limit', state: State.RUNNING, spanMs: 90 * second },
  ])('has the deadline of $name at its span from now', ({ state, spanMs }) => {
    const job = aJob({ retry: immediate(0) });
    const task = aTask({ job, state, atMs: aheadMs, record: { deadlineAtMs: aheadMs + spanMs } });
    const found = look({ job, tasks: [task] }, { nowMs: t0 });
    expect(must(found.tasks[0]).deadlineAtMs).toBe(t0 + spanMs);
    expect(look(found.next, { nowMs: t0 + spanMs - 1 }).tasks).toEqual([]);
    expect(look(found.next, { nowMs: t0 + spanMs }).tasks).not.toEqual([]);
  });

  it('has the deadline of an order to stop at its span from now', () => {
    const stop = { code: 'killed', text: '', atMs: aheadMs };
    const record = { stop, deadlineAtMs: aheadMs + 70 * second };
    const job = aJob();
    const found = look(
      { job, tasks: [aTask({ job, state: State.RUNNING, atMs: t0, record })] },
      { nowMs: t0 },
    );
    expect(must(found.tasks[0])).toMatchObject({ deadlineAtMs: t0 + 70 * second, stop: { atMs: t0 } });
  });

  it('loses replaced tasks after the retention', () => {
    const job = aService();
    const replaced = aTask({
      job,
      attempt: 0,
      state: State.FAILED,
      atMs: aheadMs,
      record: { replaced: true },
    });
    const tasks = [replaced, aTask({ job, attempt: 1, state: State.RUNNING })];
    const found = look({ job, tasks }, { nowMs: t0 });
    expect(found.nextDueMs).toBe(t0 + limits.finishedRetentionMs);
  });

  it('stays as it is if the clock was ahead by less than clocks may differ', () => {
    const job = aService();
    const task = aTask({ job, state: State.RUNNING, atMs: t0 + 30 * second });
    expect(look({ job, tasks: [task] }, { nowMs: t0 }).tasks).toEqual([]);
  });
});
