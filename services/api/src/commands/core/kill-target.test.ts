import { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { type JobDescriptor, State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { describe, expect, it } from 'vitest';
import { KillTarget } from './kill-target.js';

const jobOf = (kind: 'batch' | 'service') =>
  JobRecord.fromPartial({
    id: 'job',
    descriptor: {
      jobSpec: {
        $case: kind,
        value: { retryPolicy: { policy: { $case: 'immediate', value: { retries: 2 } } } },
      } as JobDescriptor['jobSpec'],
    },
  });

const reasons: Partial<Record<State, string>> = {
  [State.FINISHED]: 'normal',
  [State.FAILED]: 'failed: exit code 1',
};

const aTask = (attempt: number, state: State, fields: Partial<TaskRecord> = {}) =>
  TaskRecord.fromPartial({
    jobId: 'job',
    attempt,
    task: { id: `job.0-${attempt}`, state: { state, reason: reasons[state] ?? '' } },
    ...fields,
  });

function aView(...records: readonly TaskRecord[]): CellView {
  const tasks = records.map((record) => {
    return { kind: 'task' as const, id: record.task?.id ?? '', revision: 1, record };
  });
  const find = (_: string, id: string) => tasks.find((task) => task.id === id);
  return { find, tasksOf: () => tasks } as unknown as CellView;
}

const found = (view: CellView, kind: 'batch' | 'service' = 'batch', target = new KillTarget('job.0-0')) =>
  target.find(view, jobOf(kind))?.id;

describe('the kill of a task', () => {
  it.each([
    ['that lives', aTask(0, State.RUNNING), 'batch', 'job.0-0'],
    ['that waits for its retry', aTask(0, State.FAILED), 'batch', 'job.0-0'],
    ['whose retries are used up', aTask(0, State.FAILED, { userRetries: 2 }), 'batch', undefined],
    ['that has done its work', aTask(0, State.FINISHED), 'batch', undefined],
    ['of a service that waits for its replacement', aTask(0, State.FAILED), 'service', undefined],
  ] as const)('%s', (_, task, kind, id) => {
    expect(found(aView(task), kind)).toBe(id);
  });

  it('that was replaced before the call does nothing', () => {
    const view = aView(aTask(0, State.FAILED, { replaced: true }), aTask(1, State.RUNNING));
    expect(found(view)).toBeUndefined();
  });

  it('that is replaced during the call applies to the next attempt, for it ends the slot', () => {
    const target = new KillTarget('job.0-0');
    expect(found(aView(aTask(0, State.RUNNING)), 'batch', target)).toBe('job.0-0');
    const view = aView(aTask(0, State.FAILED, { replaced: true }), aTask(1, State.QUEUED));
    expect(found(view, 'batch', target)).toBe('job.0-1');
  });
});
