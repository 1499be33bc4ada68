import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, anAgent, aService, aTask, limits, must, t0 } from '../../testing/fixtures.js';
import { aScaledService, aScaledStage } from '../../testing/scaled-jobs.js';
import { assignTask, waitingForVictims } from '../placement/assign-task.js';
import { endTask } from '../task/end-task.js';
import { assignmentFor } from './assignments.js';

const job = aJob({ resources: { memory: '64' } });
const queued = aTask({ job });
const placed = assignTask(queued, anAgent({ id: 'agent-7', zone: 'b' }), t0, limits);
const stopped = { ...placed, stop: { code: 'killed', text: '', atMs: t0 } };

describe('the assignment of a task', () => {
  it('is put when the task is placed', () => {
    expect(assignmentFor(queued, placed, job, limits)).toMatchObject({
      taskId: 'job-1.0-0',
      jobId: 'job-1',
      container: { image: { name: 'busybox:1' } },
      resources: { memoryMb: 64 },
      stop: undefined,
      killGraceMs: limits.killGraceMs,
    });
  });

  it('asks for results if the job is of a registered kind: a batch job of a cluster of its own', () => {
    const collects = (record: typeof job) => assignmentFor(queued, placed, record, limits)?.collectsResults;
    expect(collects(job)).toBe(false);
    expect(collects({ ...job, clusterId: 'nightly' })).toBe(true);
    expect(collects({ ...aService(), clusterId: 'web' })).toBe(false);
  });

  it('is put when the task is created and placed at once', () => {
    expect(assignmentFor(undefined, placed, job, limits)).toMatchObject({ taskId: 'job-1.0-0' });
  });

  it('is replaced by one with the order when the task is to stop', () => {
    expect(assignmentFor(placed, stopped, job, limits)).toMatchObject({
      taskId: 'job-1.0-0',
      stop: { code: 'killed' },
    });
  });

  it('is withdrawn when the task has ended, even if its job is unknown', () => {
    const ended = must(endTask(stopped, { code: 'killed', atMs: t0 }));
    expect(assignmentFor(stopped, ended, job, limits)).toBeNull();
    expect(assignmentFor(stopped, ended, undefined, limits)).toBeNull();
  });

  it('stays as it is when the task only moves on, or was withdrawn already', () => {
    const running = { ...placed, runningAtMs: t0 };
    expect(assignmentFor(placed, running, job, limits)).toBeUndefined();
    const ended = must(endTask(placed, { code: 'failed', atMs: t0 }));
    expect(assignmentFor(ended, { ...ended, replaced: true }, job, limits)).toBeUndefined();
  });

  it('asks for samples if policies scale the task’s job or stage', () => {
    const service = aScaledService();
    const pipeline = aScaledStage();
    const placedOf = (of: JobRecord, stage: number) =>
      assignTask(aTask({ job: of, stage }), anAgent(), t0, limits);
    const isSampled = (of: JobRecord, stage = 0) =>
      assignmentFor(undefined, placedOf(of, stage), of, limits)?.sampled;
    expect(isSampled(service)).toBe(true);
    expect([isSampled(pipeline, 1), isSampled(pipeline, 2)]).toEqual([false, true]);
    expect(isSampled(job)).toBe(false);
  });

  it('names the victims that the task waits for', () => {
    const victim = aTask({ job, slot: 1, state: State.RUNNING });
    const preemptor = waitingForVictims(placed, [victim], t0);
    expect(assignmentFor(queued, preemptor, job, limits)?.awaitedTaskIds).toEqual(['job-1.1-0']);
  });

  it('is none for a task that was never placed', () => {
    expect(assignmentFor(undefined, queued, job, limits)).toBeUndefined();
    expect(
      assignmentFor(queued, must(endTask(queued, { code: 'killed', atMs: t0 })), job, limits),
    ).toBeUndefined();
  });
});
