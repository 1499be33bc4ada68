import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aJob,
  aService,
  aTask,
  immediate,
  limits,
  look,
  must,
  second,
  t0,
  type ViewOptions,
} from '../../testing/fixtures.js';
import { maxRetiredPerPass } from './retention.js';

const service = aService();
const replaced = (attempt: number, atMs = t0) =>
  aTask({ job: service, attempt, state: State.FAILED, atMs, record: { replaced: true } });
const current = (attempt: number) => aTask({ job: service, attempt, state: State.RUNNING });
const afterMs = t0 + limits.finishedRetentionMs;

describe('replaced tasks of a live job', () => {
  it('stay for the time of retention, then leave', () => {
    const options = { job: service, tasks: [replaced(0), current(1)] };
    const first = look(options);
    expect(first.retired.taskIds).toHaveLength(0);
    expect(first.nextDueMs).toBe(afterMs);
    expect(look(options, { nowMs: afterMs }).retired).toEqual({
      taskIds: ['job-1.0-0'],
      job: false,
      hasMore: false,
    });
  });

  it('leave earlier, oldest first, when there are too many', () => {
    const tasks = [replaced(0, t0 + 2 * second), replaced(1, t0), replaced(2, t0 + second), current(3)];
    const { retired } = look(
      { job: service, tasks },
      { nowMs: t0 + second, limits: { ...limits, maxReplacedTasksPerJob: 1 } },
    );
    expect(retired.taskIds).toEqual(['job-1.0-1', 'job-1.0-2']);
  });

  it('do not leave before their end is committed', () => {
    const job = aJob({ retry: immediate(9) });
    const ended = aTask({ job, state: State.FAILED });
    const none = { limits: { ...limits, maxReplacedTasksPerJob: 0, finishedRetentionMs: 0 } };
    const first = look({ job, tasks: [ended], uncommitted: [ended] }, none);
    expect(first.retired.taskIds).toHaveLength(0);
    expect(first.tasks.map(taskIdOf)).toEqual(['job-1.0-0', 'job-1.0-1']);
    expect(look({ ...first.next, uncommitted: [] }, none).retired.taskIds).toEqual(['job-1.0-0']);
  });

  it('leave the newest task of each slot behind', () => {
    const waiting = aTask({ job: service, state: State.FAILED, record: { replaceAtMs: t0 + 1e9 } });
    expect(look({ job: service, tasks: [waiting] }, { nowMs: t0 + 1e8 }).retired.taskIds).toHaveLength(0);
  });

  it('are remembered by the last attempt of a slot that is left empty', () => {
    const job = aService({ desired: 0 });
    const tasks = [2, 5].map((attempt) =>
      aTask({ job, attempt, state: State.FINISHED, record: { replaced: true } }),
    );
    const { status, retired } = look({ job, tasks }, { nowMs: afterMs });
    expect(retired.taskIds).toHaveLength(2);
    expect(status?.slotAttempts).toEqual({ 0: 5 });
  });

  it('are not remembered while a newer task holds the slot', () => {
    const first = look({ job: service, tasks: [current(1)] });
    const { status } = look({ ...first.next, tasks: [replaced(0), current(1)] }, { nowMs: afterMs });
    expect(status).toBeUndefined();
  });

  it('leave in portions, and say when there are more', () => {
    const job = aService({ desired: 0 });
    const count = maxRetiredPerPass + 50;
    const tasks = Array.from({ length: count }, (_, slot) =>
      aTask({ job, slot, state: State.FINISHED, record: { replaced: true } }),
    );
    const first = look({ job, tasks }, { nowMs: afterMs });
    expect(first.retired.taskIds).toHaveLength(maxRetiredPerPass);
    expect(first).toMatchObject({ isComplete: false, hasTasksLeft: false });
    expect(look(first.next, { nowMs: afterMs }).retired.taskIds).toHaveLength(50);
  });

  it('leave no faster than the limit of writes allows', () => {
    const job = aService({ desired: 0 });
    const tasks = [0, 1, 2, 3].map((slot) =>
      aTask({ job, slot, state: State.FINISHED, record: { replaced: true } }),
    );
    expect(look({ job, tasks }, { nowMs: afterMs, maxWrites: 5 }).retired).toMatchObject({
      taskIds: { length: 2 },
      hasMore: true,
    });
  });
});

describe('a finished job', () => {
  const job = aJob({ desired: 450 });
  const tasks = Array.from({ length: 450 }, (_, slot) => aTask({ job, slot, state: State.FINISHED }));
  const finished: ViewOptions = look({ job, tasks }).next;

  it('stays for the time of retention', () => {
    const waiting = look(finished, { nowMs: afterMs - 1 });
    expect(waiting).toMatchObject({
      nextDueMs: afterMs,
      isComplete: true,
      retired: { taskIds: [], job: false },
    });
  });

  it('then leaves, its tasks in portions and itself with the last of them', () => {
    let options = finished;
    const portions: [number, boolean][] = [];
    for (let more = true; more; ) {
      const { retired, next, isComplete } = look(options, { nowMs: afterMs });
      portions.push([retired.taskIds.length, retired.job]);
      options = next;
      more = !isComplete;
    }
    expect(portions).toEqual([
      [200, false],
      [200, false],
      [50, true],
    ]);
    expect(must(options.tasks)).toHaveLength(0);
  });

  it('leaves even with the lowest limit of writes', () => {
    const { retired } = look({ ...finished, tasks: [] }, { nowMs: afterMs, maxWrites: 4 });
    expect(retired).toEqual({ taskIds: [], job: true, hasMore: false });
  });
});
