import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { withInstances } from '@berth/shared/model/job/stages';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import {
  aMantisJob,
  aTask,
  immediate,
  limits,
  look,
  minute,
  must,
  second,
  t0,
} from '../../testing/fixtures.js';

const ids = (tasks: readonly TaskRecord[] = []) => tasks.map(taskIdOf);
const context = (task: TaskRecord | undefined) => task?.task?.taskContext ?? {};

function scaled(job: JobRecord, stage: number, desired: number): JobRecord {
  return { ...job, descriptor: withInstances(must(job.descriptor), stage, { min: 0, max: 100, desired }) };
}

const running = (job: JobRecord, stage: number, slot: number, workerNumber: number) =>
  aTask({ job, stage, slot, workerNumber, state: State.RUNNING });

describe('the stages of a Mantis job', () => {
  it('each have their tasks, with their stage in the context', () => {
    const job = aMantisJob({ stages: [1, 2] });
    expect(ids(look({ job }).tasks)).toEqual(['job-1.1-0-0']);
    const { tasks } = look({ job, tasks: [running(job, 1, 0, 1)] });
    expect(ids(tasks)).toEqual(['job-1.2-0-0', 'job-1.2-1-0']);
    expect(tasks.map(({ stage, slot, workerNumber }) => [stage, slot, workerNumber])).toEqual([
      [2, 0, 2],
      [2, 1, 3],
    ]);
    expect(context(tasks[1])).toMatchObject({
      'task.index': '1',
      'task.stage': '2',
      'task.stageCount': '2',
      'task.workerIndex': '1',
      'task.workerNumber': '3',
    });
  });

  it('put a replacement at the same index, with a greater number', () => {
    const job = aMantisJob();
    const killed = aTask({ job, stage: 1, workerNumber: 1, state: State.FINISHED, code: 'killed' });
    const { tasks } = look({ job, tasks: [killed, running(job, 2, 0, 2)] });
    const replacement = must(tasks.find((task) => task.attempt === 1));
    expect(taskIdOf(replacement)).toBe('job-1.1-0-1');
    expect(context(replacement)).toMatchObject({
      'task.workerIndex': '0',
      'task.workerNumber': '3',
      'task.resubmitOf': taskIdOf(killed),
    });
  });

  it('replace a task that ended by itself, each by its own policy', () => {
    const retry = {
      $case: 'delayed',
      value: { initialDelayMs: 0, delayMs: 5 * minute, retries: 1 },
    } as const;
    const job = aMantisJob({ retry });
    const ended = aTask({ job, stage: 2, workerNumber: 2, state: State.FINISHED });
    const first = look({ job, tasks: [running(job, 1, 0, 1), ended] });
    expect(first.nextDueMs).toBe(t0 + 5 * minute);
    const later = look(first.next, { nowMs: first.nextDueMs });
    expect(ids(later.tasks)).toContain('job-1.2-0-1');
  });

  it('give up their highest indexes, and use them again once these are free', () => {
    const before = aMantisJob({ stages: [1, 3] });
    const tasks = [running(before, 1, 0, 1), ...[0, 1, 2].map((slot) => running(before, 2, slot, 2 + slot))];
    const down = look({ job: scaled(before, 2, 1), tasks });
    const stopping = down.tasks.filter(({ stop }) => stop?.code === 'scaledDown');
    expect(ids(stopping)).toEqual(['job-1.2-1-0', 'job-1.2-2-0']);
    const up = look({ ...down.next, job: scaled(before, 2, 2) });
    expect(up.tasks).toEqual([]);
    const gone = (up.next.tasks ?? []).map((task) =>
      task.stop === undefined
        ? task
        : aTask({ job: before, ...place(task), state: State.FINISHED, code: 'scaledDown' }),
    );
    const free = look({ ...up.next, tasks: gone });
    expect(
      free.tasks
        .filter((task) => !task.replaced)
        .map(({ slot, attempt, workerNumber }) => [slot, attempt, workerNumber]),
    ).toEqual([[1, 1, 5]]);
  });

  it('scale each for itself', () => {
    const job = aMantisJob({ stages: [2, 2] });
    const tasks = [1, 2].flatMap((stage) =>
      [0, 1].map((slot) => running(job, stage, slot, stage * 2 + slot - 1)),
    );
    const { tasks: changed } = look({ job: scaled(job, 1, 3), tasks });
    expect(ids(changed)).toEqual(['job-1.1-2-0']);
  });

  it('do not hold one another up while one of them cannot start', () => {
    const job = aMantisJob({ stages: [50, 2] });
    const few = { ...limits, maxNotRunningPerJob: 10 };
    const { tasks } = look({ job }, { limits: few, nowMs: t0 + limits.stageWaitMs });
    expect(tasks.filter(({ stage }) => stage === 1)).toHaveLength(5);
    expect(tasks.filter(({ stage }) => stage === 2)).toHaveLength(2);
  });

  it('never use an id or a number again, though all tasks have left', () => {
    const job = aMantisJob({ stages: [1, 1] });
    const none = scaled(job, 2, 0);
    const gone = aTask({
      job,
      stage: 2,
      workerNumber: 7,
      state: State.FINISHED,
      code: 'scaledDown',
      record: { replaced: true },
    });
    const kept = running(job, 1, 0, 1);
    const now = { limits: { ...limits, finishedRetentionMs: 0 }, nowMs: t0 + second };
    const left = look({ job: none, tasks: [kept, gone] }, now);
    expect(left.retired.taskIds).toEqual(['job-1.2-0-0']);
    const again = look({ ...left.next, job }, now);
    expect(again.tasks.map((task) => [taskIdOf(task), task.workerNumber])).toEqual([['job-1.2-0-1', 8]]);
  });
});

const place = ({ stage, slot, attempt, workerNumber = 0 }: TaskRecord) => ({
  stage,
  slot,
  attempt,
  workerNumber,
});

describe('the runtime of a Mantis job', () => {
  const job = aMantisJob({ runtimeLimitSecs: 60, retry: immediate(3) });
  const tasks = [running(job, 1, 0, 1), running(job, 2, 0, 2)];

  it('counts from its submission, however late its tasks began', () => {
    const late = tasks.map((task) => ({ ...task, runningAtMs: t0 + 50 * second }));
    const first = look({ job, tasks: late }, { nowMs: t0 + 55 * second });
    expect(first.nextDueMs).toBe(t0 + minute);
    const over = look(first.next, { nowMs: t0 + minute });
    expect(over.tasks.map(({ stop }) => stop?.code)).toEqual([
      'runtimeLimitExceeded',
      'runtimeLimitExceeded',
    ]);
  });

  it('ends it as FAILED once its tasks are gone, without replacing any', () => {
    const ended = tasks.map((task) =>
      aTask({ job, ...place(task), state: State.FAILED, code: 'runtimeLimitExceeded', atMs: t0 }),
    );
    const { tasks: changed, status } = look({ job, tasks: ended }, { nowMs: t0 + minute });
    expect(changed).toEqual([]);
    expect(status?.state).toEqual({
      state: State.FAILED,
      reason: 'runtimeLimitExceeded: the job ran longer than its runtime limit',
    });
  });

  it('ends nothing if a caller has killed the job before', () => {
    const kill = { atMs: t0, by: 'master', text: 'nobody has observed the job for 300 s' };
    const { status } = look({ job: { ...job, kill }, tasks: [] }, { nowMs: t0 + minute });
    expect(status?.state).toEqual({
      state: State.FINISHED,
      reason: 'killed: nobody has observed the job for 300 s',
    });
  });

  it('never ends a job whose tasks all end by themselves', () => {
    const forever = aMantisJob();
    const ended = [1, 2].map((stage) =>
      aTask({ job: forever, stage, workerNumber: stage, state: State.FINISHED }),
    );
    expect(look({ job: forever, tasks: ended }, { nowMs: t0 + 60 * minute }).status?.state?.state).toBe(
      State.RUNNING,
    );
  });
});
