import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Write } from '@berth/store';
import { describe, expect, it } from 'vitest';
import { findJobWithTasks, liveJobs } from '../../../gateway/core/job-with-tasks.js';
import { aServiceJob } from '../../../testing/fixtures.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from '../../../testing/scripted-cell.js';
import { contradictsHistory } from '../../stream/core/contradicts-history.js';
import { jobNotificationsOf, splitTasks } from './job-notifications.js';

const a = taskWrite('job0.0-0');
const b = taskWrite('job0.1-0');

function cellWith(...writes: readonly Write[]): ScriptedCell {
  const cell = new ScriptedCell();
  cell.commit(...writes);
  return cell;
}

const notify = (cell: ScriptedCell, commit: CommitChanges) =>
  jobNotificationsOf(commit, cell).map((one) => (one.kind === 'task' ? one.task.id : one.kind));

describe('jobNotificationsOf', () => {
  it('reports the definition first and the end last, in any order of the writes', () => {
    const cell = new ScriptedCell();
    const commit = cell.commit(
      statusWrite('job0', State.FINISHED),
      moveWrite(a.record, State.FINISHED),
      b,
      jobWrite('job0'),
    );
    expect(notify(cell, commit)).toEqual(['definition', 'job0.0-0', 'job0.1-0', 'finished']);
  });

  it('does not report a request to kill a job', () => {
    const cell = cellWith(jobWrite('job0'));
    expect(notify(cell, cell.commit(jobWrite('job0', { kill: { atMs: 1, by: 'ada' } })))).toEqual([]);
  });

  it('reports a changed descriptor', () => {
    const cell = cellWith(jobWrite('job0'));
    expect(
      notify(cell, cell.commit(jobWrite('job0', { descriptor: aServiceJob({ appName: 'b' }) }))),
    ).toEqual(['definition']);
  });

  it('does not report internal fields of a task', () => {
    const cell = cellWith(jobWrite('job0'), a);
    expect(notify(cell, cell.commit({ ...a, record: { ...a.record, deadlineAtMs: 5 } }))).toEqual([]);
  });

  it('does not report a job after its end, nor its later removal', () => {
    const cell = cellWith(jobWrite('job0'), a, b, statusWrite('job0', State.FAILED));
    expect(notify(cell, cell.commit(moveWrite(a.record, State.RUNNING)))).toEqual([]);
    expect(
      notify(
        cell,
        cell.commit(
          { kind: 'task', id: b.id },
          { kind: 'job', id: 'job0' },
          { kind: 'jobStatus', id: 'job0' },
        ),
      ),
    ).toEqual([]);
  });

  it('reports the end of a live job that is removed', () => {
    const cell = cellWith(jobWrite('job0'), a, statusWrite('job0', State.RUNNING));
    expect(
      notify(
        cell,
        cell.commit(
          { kind: 'task', id: a.id },
          { kind: 'jobStatus', id: 'job0' },
          { kind: 'job', id: 'job0' },
        ),
      ),
    ).toEqual(['finished']);
  });

  it('does not report tasks of an unknown job', () => {
    const cell = new ScriptedCell();
    expect(notify(cell, cell.commit(a))).toEqual([]);
  });

  it('keeps the notifications of one job together', () => {
    const cell = cellWith(jobWrite('job0'), jobWrite('job1'));
    const commit = cell.commit(a, taskWrite('job1.0-0'), b);
    expect(notify(cell, commit)).toEqual(['job0.0-0', 'job0.1-0', 'job1.0-0']);
  });
});

describe('contradictsHistory', () => {
  it.each([
    ['a task that went back', [{ ...a }]],
    ['a job that lives again', [statusWrite('job1', State.RUNNING)]],
    ['a job without its former end', [{ kind: 'jobStatus', id: 'job1' } as const]],
    ['a live task that is gone while its job lives', [{ kind: 'task', id: 'job0.0-0' } as const]],
    [
      'a live task that is gone, whose job has ended as well',
      [{ kind: 'task', id: 'job0.0-0' } as const, statusWrite('job0', State.FINISHED)],
    ],
    [
      'a live job that is gone',
      [{ kind: 'task', id: 'job0.0-0' } as const, { kind: 'job', id: 'job0' } as const],
    ],
  ])('sees %s', (_what, writes) => {
    const cell = cellWith(
      jobWrite('job0'),
      moveWrite(a.record, State.RUNNING),
      jobWrite('job1'),
      statusWrite('job1', State.FINISHED),
    );
    expect(contradictsHistory(cell.commit(...writes), cell)).toBe(true);
  });

  it('finds a definition that went back', () => {
    const cell = cellWith(jobWrite('job0'));
    const later = cell.commit(jobWrite('job0', { descriptor: aServiceJob({ appName: 'later' }) }));
    const [change] = later.changes;
    if (change?.kind !== 'job' || change.before === undefined || change.after === undefined)
      throw new Error('the job has changed');
    const back = { ...change, before: change.after, after: change.before };
    expect(contradictsHistory(later, cell)).toBe(false);
    expect(contradictsHistory({ ...later, changes: [back] }, cell)).toBe(true);
  });

  it('finds nothing in normal commits of the master', () => {
    const cell = cellWith(jobWrite('job0'), a, b, statusWrite('job0', State.QUEUED));
    const ended = moveWrite(a.record, State.FAILED, 'failed');
    const commits = [
      [ended, statusWrite('job0', State.RUNNING)],
      [{ kind: 'task', id: a.id } as const],
      [moveWrite(b.record, State.FINISHED), statusWrite('job0', State.FAILED)],
      [
        { kind: 'task', id: b.id } as const,
        { kind: 'job', id: 'job0' } as const,
        { kind: 'jobStatus', id: 'job0' } as const,
      ],
    ];
    for (const writes of commits) expect(contradictsHistory(cell.commit(...writes), cell)).toBe(false);
  });
});

describe('liveJobs', () => {
  it('lists live jobs with their tasks, and does not change with the cell', () => {
    const cell = cellWith(jobWrite('job0'), a, jobWrite('job1'), statusWrite('job1', State.FAILED));
    const jobs = [...liveJobs(cell)];
    cell.commit(b);
    expect(jobs.map(({ job, tasks }) => [job.id, tasks.length])).toEqual([['job0', 1]]);
  });
});

describe('splitTasks', () => {
  it('keeps the order and loses none', () => {
    const cell = cellWith(jobWrite('job0'), a, b);
    const view = findJobWithTasks(cell, 'job0');
    if (view === undefined) throw new Error('no job');
    expect(splitTasks(view, 1)).toEqual({ within: [], following: view.tasks });
    expect(splitTasks(view, 1e6)).toEqual({ within: view.tasks, following: [] });
  });
});
