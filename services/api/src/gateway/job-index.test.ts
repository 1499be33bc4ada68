import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { byCreation } from '@berth/shared/model/cell/creation-order';
import fc from 'fast-check';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { searchJobs } from '../queries/core/job-search.js';
import { parseFilter } from '../queries/core/query.js';
import { aServiceJob } from '../testing/fixtures.js';
import { jobWrite, ScriptedCell, type Step, statusWrite, writesOf } from '../testing/scripted-cell.js';
import { findJobWithTasks } from './core/job-with-tasks.js';
import { JobIndex } from './job-index.js';

const step = fc.record<Step>({
  act: fc.constantFrom(
    'create',
    'create',
    'addTask',
    'move',
    'move',
    'redefine',
    'kill',
    'touch',
    'finish',
    'remove',
  ),
  job: fc.nat(9),
  task: fc.nat(4),
});

const criteria = [
  {},
  { jobState: 'QUEUED' },
  { jobState: 'QUEUED,FINISHED' },
  { appName: 'app1,app2' },
  { appName: 'app1', jobState: 'QUEUED' },
  { taskStates: 'RUNNING,FAILED' },
  { jobType: 'service', taskStates: 'FINISHED' },
  { labels: 'team' },
  { labels: 'team:a,team:b' },
  { labels: 'team:a,odd', 'labels.op': 'or' },
  { jobIds: 'job3,job1' },
  { jobClusterIds: 'default' },
  { imageName: 'busybox' },
  { imageTag: '1', jobState: 'QUEUED' },
  { capacityGroup: 'app1,app2' },
  { jobGroupDetail: 'x' },
  { taskIds: 'job3.0-0,job1.1-0' },
];

/** All jobs, looked at one by one. */
function scan(cell: ScriptedCell, given: Record<string, string>): string[] {
  const parsed = parseFilter(given);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return [...cell.all('job')]
    .map(({ id, record }) => ({ id, createdAtMs: record.createdAtMs }))
    .sort(byCreation)
    .filter(({ id }) => {
      const view = findJobWithTasks(cell, id);
      return view !== undefined && parsed.filter.everyTest(view);
    })
    .map(({ id }) => id);
}

function search(cell: ScriptedCell, index: JobIndex, given: Record<string, string>): string[] {
  const parsed = parseFilter(given);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return searchJobs(cell, index, parsed.filter).map(({ id }) => id);
}

describe('JobIndex', () => {
  it('finds the same jobs as a test of every job, after any history', () => {
    const run = fc.record({
      before: fc.array(step, { maxLength: 30 }),
      after: fc.array(fc.array(step, { minLength: 1, maxLength: 2 }), { maxLength: 60 }),
    });
    fc.assert(
      fc.property(run, ({ before, after }) => {
        const cell = new ScriptedCell();
        for (const one of before) cell.commit(...writesOf(one, cell));
        const changes = new Subject<CommitChanges>();
        const index = new JobIndex(Object.assign(cell, { changes$: changes }));
        for (const steps of after) for (const one of steps) changes.next(cell.commit(...writesOf(one, cell)));
        for (const given of criteria)
          expect(search(cell, index, given), JSON.stringify(given)).toEqual(scan(cell, given));
      }),
      { numRuns: 300 },
    );
  });

  it('lists jobs in the order of creation, under their current words', () => {
    const cell = new ScriptedCell();
    const changes = new Subject<CommitChanges>();
    const index = new JobIndex(Object.assign(cell, { changes$: changes }));
    const put = (id: string, createdAtMs: number, team: string) =>
      changes.next(cell.commit(jobWrite(id, { createdAtMs, descriptor: aServiceJob({ labels: { team } }) })));
    put('late', 9, 'a');
    put('early', 1, 'a');
    expect(search(cell, index, { labels: 'team:a' })).toEqual(['early', 'late']);
    put('early', 1, 'b');
    expect(search(cell, index, { labels: 'team:a' })).toEqual(['late']);
    changes.next(cell.commit(statusWrite('late', State.FINISHED)));
    expect(search(cell, index, { jobState: 'FINISHED' })).toEqual(['late']);
    expect(index.liveJobsOf('default')).toEqual(['early']);
    changes.next(cell.commit({ kind: 'job', id: 'early' }, { kind: 'job', id: 'late' }));
    expect(index.all).toEqual([]);
    expect(search(cell, index, { labels: 'team' })).toEqual([]);
  });
});
