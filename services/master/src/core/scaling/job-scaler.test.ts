import type { JobScalingRecord } from '@berth/shared/gen/berth/v1/store';
import { instancesOf } from '@berth/shared/model/job/job';
import { SampleWindow } from '@berth/shared/model/scaling/sample-window';
import {
  lastScaledMs,
  maxDecisions,
  withDecision,
  workforceOf,
} from '@berth/shared/model/scaling/scaled-job';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aTask, must, second, t0 } from '../../testing/fixtures.js';
import { aScaledService, aScaledStage, cpuBatch } from '../../testing/scaled-jobs.js';
import { TestCell } from '../../testing/test-cell.js';
import { JobScaler } from './job-scaler.js';
import { scalingCommit } from './scaling-commit.js';

const job = aScaledService({ instances: { desired: 4 } });
const running = (slot: number, fields = {}) => aTask({ job, slot, state: State.RUNNING, record: fields });
const decision = (stage: number, atMs: number) => ({ atMs, stage, policy: 'p', from: 1, to: 2, values: {} });

describe('the tasks of a job, as scaling sees them', () => {
  it('run unless they are ordered to stop; starting or waiting ones have not settled', () => {
    const stop = { code: 'killed', text: '', atMs: t0 };
    const cell = new TestCell().putTasks([
      running(0),
      running(1, { stop }),
      aTask({ job, slot: 2, state: State.STARTING }),
      aTask({ job, slot: 3 }),
    ]);
    expect(workforceOf(cell, job.id, 0)).toEqual({ runningIds: ['job-1.0-0'], settled: 2, starting: 1 });
  });

  it('have settled if they replace others or wait for a replacement, and do not count if they leave', () => {
    const replacement = aTask({ job, slot: 0, attempt: 1 });
    const context = { ...replacement.task?.taskContext, 'task.resubmitOf': 'job-1.0-0' };
    const cell = new TestCell().putTasks([
      aTask({ job, slot: 0, state: State.FAILED, record: { replaced: true } }),
      { ...replacement, task: { ...must(replacement.task), taskContext: context } },
      aTask({ job, slot: 1, state: State.FAILED }),
      running(2, { stop: { code: 'scaledDown', text: '', atMs: t0 } }),
      aTask({ job, slot: 3, state: State.FINISHED, code: 'scaledDown' }),
    ]);
    expect(workforceOf(cell, job.id, 0)).toEqual({ runningIds: [], settled: 2, starting: 0 });
  });
});

describe('the decisions of a job', () => {
  it('are the newest, and of each stage at least the last', () => {
    let record: JobScalingRecord | undefined = withDecision('job-1', undefined, decision(1, 1));
    for (let at = 2; at < 100; at += 1) record = withDecision('job-1', record, decision(2, at));
    expect(record.decisions).toHaveLength(maxDecisions + 1);
    const last = (stage: number) => lastScaledMs({ record, setAtMs: undefined }, stage);
    expect([1, 2, 3].map(last)).toEqual([1, 99, undefined]);
  });

  it('begin a cool-down, and so does a later change by a caller', () => {
    const record = withDecision('job-1', undefined, decision(1, 50));
    expect([10, 60].map((setAtMs) => lastScaledMs({ record, setAtMs }, 1))).toEqual([50, 60]);
    expect(lastScaledMs({ record, setAtMs: 10 }, 2)).toBe(10);
  });
});

describe('the scaler of a job', () => {
  const stages = aScaledStage();
  const tasks = [1, 2].map((stage) => aTask({ job: stages, stage, slot: 0, state: State.RUNNING }));

  function look() {
    const cell = new TestCell().putJob(stages).putTasks(tasks);
    const window = new SampleWindow();
    const scaler = new JobScaler(stages.id, must(stages.descriptor), { everyMs: 5 * second }, t0);
    window.watch(stages.id, scaler.metrics);
    const at = (ms: number, cpu: number) => {
      window.add(cpuBatch(tasks.map(taskIdOf), cpu), t0 + ms);
      return scaler.decide({ cell, window, nowMs: t0 + ms });
    };
    return { cell, scaler, at };
  }

  it('takes a check back after a conflict: the event of a stage counts once', () => {
    const { at } = look();
    expect(at(25 * second, 90)).toEqual([]);
    const first = at(30 * second, 90);
    expect(first).toMatchObject([{ stage: 2, proposal: { from: 1, to: 2 } }]);
    expect(at(30 * second, 90)).toEqual([]);
    const { scaler, at: again } = look();
    const lost = again(30 * second, 90);
    scaler.undo();
    expect(again(30 * second, 90)).toEqual(lost);
  });

  it('commits the instances of that stage, and why, against the job and its status as they were seen', () => {
    const { cell, at } = look();
    const entity = must(cell.find('job', stages.id));
    const { writes, expects } = scalingCommit(cell, entity, at(30 * second, 90), t0 + 30 * second);
    const [jobWrite, scaling] = writes;
    expect(jobWrite).toMatchObject({ kind: 'job', expectedRevision: entity.revision });
    const descriptor = jobWrite?.kind === 'job' ? jobWrite.record?.descriptor : undefined;
    expect([1, 2].map((stage) => instancesOf(must(descriptor), stage).desired)).toEqual([1, 2]);
    expect(scaling).toMatchObject({ kind: 'jobScaling', expectedRevision: 0 });
    expect(scaling?.record).toMatchObject({ decisions: [{ stage: 2, from: 1, to: 2, values: { CPU: 90 } }] });
    expect(expects).toEqual([{ kind: 'jobStatus', id: stages.id, revision: 0 }]);
  });
});
