import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aService, aTask, look, must, second, t0 } from '../../testing/fixtures.js';
import { endTask } from '../task/end-task.js';

const job = aService({ desired: 2 });

describe('the state of a job', () => {
  it('is QUEUED before any task has got further', () => {
    const { status } = look({ job });
    expect(status?.state).toEqual({ state: State.QUEUED, reason: '' });
    expect(status?.stateChanges).toEqual([{ state: 'QUEUED', timestamp: new Date(t0).toISOString() }]);
  });

  it.each([State.DISPATCHED, State.STARTING, State.RUNNING])(
    'is %i when that is the furthest that any task has got',
    (state) => {
      const { status } = look({ job, tasks: [aTask({ job, state }), aTask({ job, slot: 1 })] });
      expect(status?.state?.state).toBe(state);
    },
  );

  it('never goes back', () => {
    const first = look({ job, tasks: [aTask({ job, state: State.RUNNING }), aTask({ job, slot: 1 })] });
    const second = look({ ...first.next, tasks: [aTask({ job }), aTask({ job, slot: 1 })] });
    expect(second.status).toBeUndefined();
  });

  it('keeps the furthest state of a task that has ended since', () => {
    const ended = must(endTask(aTask({ job, state: State.STARTING }), { code: 'invalidRequest', atMs: t0 }));
    expect(look({ job, tasks: [ended] }).status?.state?.state).toBe(State.STARTING);
  });

  it('keeps a history with the time of each change', () => {
    const first = look({ job, tasks: [aTask({ job, state: State.STARTING }), aTask({ job, slot: 1 })] });
    const running = [aTask({ job, state: State.RUNNING }), aTask({ job, slot: 1 })];
    const { status } = look({ ...first.next, tasks: running }, { nowMs: t0 + second });
    expect(status?.stateChanges.map(({ state }) => state)).toEqual(['QUEUED', 'STARTING', 'RUNNING']);
    expect(status?.stateChanges.at(-1)?.timestamp).toBe(new Date(t0 + second).toISOString());
  });

  it('is the last word: an ended job is only waited for to leave', () => {
    const batch = aJob();
    const ended = look({ job: batch, tasks: [aTask({ job: batch, state: State.FINISHED })] });
    const later = look({ ...ended.next, job: aJob({ killed: true, desired: 5 }) }, { nowMs: t0 + second });
    expect(later).toMatchObject({ tasks: [], status: undefined });
  });
});
