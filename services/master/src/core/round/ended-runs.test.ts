import { EndedRun, type TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aClusterJob, type ClusterJobOptions } from '../../testing/cluster-fixtures.js';
import { aTask, must, t0 } from '../../testing/fixtures.js';
import { endedRunOf, maxEndedRunBytes, standardKeptRuns, withEndedRun } from './ended-runs.js';

const long = 'ä'.repeat(70_000);

function aRun(id: string, options: ClusterJobOptions = {}): EndedRun {
  const { state = State.FINISHED, reason = 'normal', killed = false } = options;
  const { job, status } = aClusterJob({ id, state, reason, killed });
  return endedRunOf(job.record, must(status), []);
}

function withReason(task: TaskRecord, reason: string): TaskRecord {
  const { task: inner } = task;
  return { ...task, task: inner && { ...inner, state: { state: State.FAILED, reason } } };
}

const idsOf = (runs: readonly EndedRun[]) => runs.map(({ job }) => job?.id);

describe('the runs that stay listed', () => {
  it('are the last of each outcome, the newest last', () => {
    let runs: readonly EndedRun[] = [];
    for (let place = 0; place < 60; place += 1) {
      const outcome = [{}, { state: State.FAILED, reason: 'failed' }, { reason: 'killed', killed: true }][
        place % 3
      ];
      runs = withEndedRun(runs, aRun(`job-${place}`, outcome), standardKeptRuns);
    }
    expect(runs).toHaveLength(20);
    expect(idsOf(runs).at(-1)).toBe('job-59');
    expect(idsOf(runs).filter((id) => Number(id?.slice(4)) % 3 === 0)).toEqual(
      [45, 48, 51, 54, 57].map((place) => `job-${place}`),
    );
    expect(runs.filter(({ status }) => status?.state?.state === State.FAILED)).toHaveLength(10);
  });

  it('are none if the operator wants none', () => {
    expect(withEndedRun([], aRun('job-1'), { endedWell: 0, failed: 0 })).toEqual([]);
  });

  it('have a run once', () => {
    const once = withEndedRun([], aRun('job-1'), standardKeptRuns);
    expect(idsOf(withEndedRun(once, aRun('job-1'), standardKeptRuns))).toEqual(['job-1']);
  });
});

describe('a run that stays listed', () => {
  it('has at most 1 KiB, whatever it was, and says how it ended', () => {
    const uuid = '01a2033f-f1a2-7c3d-8e4f-0123456789ab';
    const { job, status } = aClusterJob({ id: uuid, state: State.FAILED, reason: `failed: ${long}` });
    const record = {
      ...job.record,
      clusterId: uuid,
      createdBy: long,
      arguments: [long],
      kill: { atMs: t0, by: long, text: long },
    };
    const ended = aTask({ state: State.FAILED, record: { agentId: long, results: [long], jobId: uuid } });
    const task = withReason(ended, `failed: exit code 3 ${long}`);
    const run = endedRunOf(record, { ...must(status), jobId: uuid }, [task]);
    expect(EndedRun.encode(run).finish().length).toBeLessThanOrEqual(maxEndedRunBytes);
    expect(run.task?.task?.state?.reason).toMatch(/^failed: exit code 3 ä+…$/);
    expect(run.status?.state?.reason).toMatch(/^failed: ä+…$/);
  });

  it('keeps the task that explains the end', () => {
    const { job, status } = aClusterJob({ state: State.FAILED, reason: 'failed: 2 of 3 tasks failed' });
    const tasks = [
      withReason(aTask({ slot: 0, state: State.FAILED }), 'failed: exit code 1'),
      aTask({ slot: 1, state: State.FAILED, code: 'runtimeLimitExceeded' }),
      aTask({ slot: 2, state: State.FINISHED }),
    ];
    const run = endedRunOf(job.record, must(status), tasks);
    expect(run.task?.task?.state).toEqual({
      state: State.FAILED,
      reason: 'failed: failed: 2 of 3 tasks failed',
    });
    expect(run.task?.slot).toBe(0);
  });
});
