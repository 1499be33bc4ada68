import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { withInstances } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aMantisJob, aTask, limits, look, minute, must, second, t0 } from '../../testing/fixtures.js';

const { stageWaitMs } = limits;
const never = Number.POSITIVE_INFINITY;

/** Tasks by stage, slot and attempt, each a worker of another number. */
function tasksOf(job: JobRecord, states: Readonly<Record<string, State>>): readonly TaskRecord[] {
  return Object.entries(states).map(([place, state], index) => {
    const [stage = 0, slot = 0, attempt = 0] = place.split('-').map(Number);
    const code = state === State.FAILED ? 'systemError' : 'normal';
    const record = state === State.FAILED ? { replaceAtMs: t0 + 60 * minute } : {};
    return aTask({ job, stage, slot, attempt, state, code, workerNumber: index + 1, record });
  });
}

/** The stages of the tasks that a look creates, and when it wants to look again. */
function begun(
  job: JobRecord,
  states: Readonly<Record<string, State>>,
  nowMs = t0,
  more: Parameters<typeof look>[0] = {},
) {
  const tasks = tasksOf(job, states);
  const known = new Set(tasks.map(taskIdOf));
  const { tasks: written, nextDueMs } = look({ ...more, job, tasks }, { nowMs });
  const created = written.filter((task) => !known.has(taskIdOf(task)));
  return { stages: created.map(({ stage }) => stage), nextDueMs };
}

const { QUEUED, DISPATCHED, STARTING, RUNNING, FAILED } = State;
const three = aMantisJob({ stages: [2, 1, 1] });

describe('a stage begins', () => {
  it.each([
    ['while the one before it has no tasks yet', {}, [1, 1]],
    ['while the one before it waits', { '1-0-0': QUEUED, '1-1-0': QUEUED }, []],
    ['while the one before it starts', { '1-0-0': DISPATCHED, '1-1-0': STARTING }, []],
    ['while one task of the one before it does not run', { '1-0-0': RUNNING, '1-1-0': STARTING }, []],
    ['while one task of the one before it has failed', { '1-0-0': RUNNING, '1-1-0': FAILED }, []],
    ['as soon as all of the one before it run', { '1-0-0': RUNNING, '1-1-0': RUNNING }, [2]],
    [
      'not as a whole pipeline, but one after the other',
      { '1-0-0': RUNNING, '1-1-0': RUNNING, '2-0-0': RUNNING },
      [3],
    ],
    ['also where a later attempt is the one that runs', { '1-0-1': RUNNING, '1-1-3': RUNNING }, [2]],
  ] as const)('%s: %j creates tasks of %j', (_, states, stages) => {
    expect(begun(three, states).stages).toEqual(stages);
  });

  it('at the latest when its time is over, each of them after the one before it', () => {
    const stuck = { '1-0-0': RUNNING, '1-1-0': QUEUED };
    expect(begun(three, stuck)).toEqual({ stages: [], nextDueMs: t0 + stageWaitMs });
    expect(begun(three, stuck, t0 + stageWaitMs - 1).stages).toEqual([]);
    const second = begun(three, stuck, t0 + stageWaitMs);
    expect(second).toEqual({ stages: [2], nextDueMs: t0 + 2 * stageWaitMs });
    const waiting = { ...stuck, '2-0-0': QUEUED };
    expect(begun(three, waiting, t0 + 2 * stageWaitMs)).toEqual({ stages: [3], nextDueMs: never });
  });

  it('at the same time under every master, because the time counts from the job’s submission', () => {
    const older = aMantisJob({ stages: [1, 1], createdAtMs: t0 - stageWaitMs });
    expect(begun(older, { '1-0-0': QUEUED }).stages).toEqual([2]);
  });

  it('at once if the one before it has no desired tasks, or if no wait is configured', () => {
    expect(begun(aMantisJob({ stages: [0, 1] }), {}).stages).toEqual([2]);
    const job = aMantisJob({ stages: [1, 1] });
    const { tasks } = look({ job }, { limits: { ...limits, stageWaitMs: 0 } });
    expect(tasks.map(({ stage }) => stage)).toEqual([1, 2]);
  });

  it('never, and wakes nobody, while it wants no tasks itself', () => {
    expect(begun(aMantisJob({ stages: [1, 0] }), { '1-0-0': STARTING })).toEqual({
      stages: [],
      nextDueMs: t0 + limits.stuckStartingMs,
    });
  });

  it('for the desired number of tasks of the one before it, and not for stopping tasks there', () => {
    const before = aMantisJob({ stages: [3, 1] });
    const job = {
      ...before,
      descriptor: withInstances(must(before.descriptor), 1, { min: 0, max: 9, desired: 1 }),
    };
    expect(begun(job, { '1-0-0': STARTING, '1-1-0': RUNNING, '1-2-0': RUNNING }).stages).toEqual([]);
    expect(begun(job, { '1-0-0': RUNNING, '1-1-0': STARTING, '1-2-0': STARTING }).stages).toEqual([2]);
  });
});

describe('a stage that has begun', () => {
  const job = aMantisJob({ stages: [1, 2] });

  it('goes on filling its places though the one before it no longer runs', () => {
    expect(begun(job, { '1-0-0': FAILED, '2-0-0': RUNNING }).stages).toEqual([2]);
  });

  it('replaces its tasks though the one before it no longer runs', () => {
    const [starting, ended, other] = tasksOf(job, { '1-0-1': STARTING, '2-0-0': RUNNING, '2-1-0': RUNNING });
    const killed = aTask({ job, stage: 2, workerNumber: 2, state: State.FINISHED, code: 'killed' });
    expect(taskIdOf(killed)).toBe(taskIdOf(must(ended)));
    const { tasks } = look({ job, tasks: [must(starting), killed, must(other)] });
    expect(tasks.map(taskIdOf)).toContain('job-1.2-0-1');
  });

  it('comes again at once, though none of its tasks is remembered but by its last attempt', () => {
    const gone = aTask({
      job,
      stage: 2,
      workerNumber: 2,
      state: State.FINISHED,
      code: 'scaledDown',
      record: { replaced: true },
    });
    const none = {
      ...job,
      descriptor: withInstances(must(job.descriptor), 2, { min: 0, max: 9, desired: 0 }),
    };
    const forgetful = { limits: { ...limits, finishedRetentionMs: 0 } };
    const starting = tasksOf(job, { '1-0-1': STARTING });
    const left = look({ job: none, tasks: [...starting, gone] }, forgetful);
    expect(left.retired.taskIds).toEqual(['job-1.2-0-0']);
    const again = look({ ...left.next, job }, forgetful);
    expect(again.tasks.map(taskIdOf)).toEqual(['job-1.2-0-1', 'job-1.2-1-0']);
  });
});

describe('a job that is to end', () => {
  const starting = { '1-0-0': STARTING } as const;

  it('has no stage begin any more, neither when the one before it runs nor when its time is over', () => {
    const killed = aMantisJob({ stages: [1, 1], killed: true });
    expect(begun(killed, { '1-0-0': RUNNING }).stages).toEqual([]);
    expect(begun(killed, starting, t0 + stageWaitMs).stages).toEqual([]);
  });

  it('is reconciled when its runtime is over, though a stage still waits', () => {
    const brief = aMantisJob({ stages: [1, 1], runtimeLimitSecs: 5 });
    expect(begun(brief, starting).nextDueMs).toBe(t0 + 5 * second);
    expect(begun(brief, starting, t0 + 5 * second).stages).toEqual([]);
  });
});
