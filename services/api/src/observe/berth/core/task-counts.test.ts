import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Write } from '@berth/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from '../../../queries/core/query.js';
import { aServiceJob } from '../../../testing/fixtures.js';
import { jobWrite, ScriptedCell, type Step, taskWrite, writesOf } from '../../../testing/scripted-cell.js';
import { parseDimensions, type TaskCount, TaskCounts } from './task-counts.js';

function countsOf(by: readonly string[], criteria: Readonly<Record<string, string>> = {}): TaskCounts {
  const parsed = parseDimensions(by);
  const filtered = parseFilter(criteria);
  if ('violations' in parsed || 'violations' in filtered) throw new Error('the test asks for nonsense');
  const filter = Object.keys(criteria).length > 0 ? filtered.filter : undefined;
  return new TaskCounts({ dimensions: parsed.dimensions, filter });
}

const idsOf = (view: CellView) => Array.from(view.all('task'), ({ id }) => id);

function recount(
  view: CellView,
  by: readonly string[],
  criteria: Readonly<Record<string, string>>,
): readonly TaskCount[] {
  const fresh = countsOf(by, criteria);
  fresh.count(idsOf(view), view);
  return fresh.all;
}

const sorted = (counts: readonly TaskCount[]) =>
  counts.map(({ values, tasks }) => `${values.join('|')}=${tasks}`).toSorted();

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom<Step['act']>(
    ...(['create', 'addTask', 'addTask', 'move', 'move', 'redefine', 'kill', 'touch'] as const),
    ...(['finish', 'remove'] as const),
  ),
  job: fc.nat({ max: 3 }),
  task: fc.nat({ max: 4 }),
});

describe('TaskCounts', () => {
  it.each([
    [['state'], {}],
    [['appName', 'state'], {}],
    [['jobId', 'label:team', 'jobClusterId'], {}],
    [['state'], { appName: 'app1,app2' }],
    [['appName'], { taskStates: 'RUNNING,STARTING' }],
    [['state', 'jobId'], { jobState: 'QUEUED', appName: 'app1,demo' }],
  ] as const)('by %j of %j are what counting anew gives, whatever happens', (by, criteria) => {
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 60 }),
        fc.nat({ max: 30 }),
        (commits, beginsAt) => {
          const cell = new ScriptedCell();
          const counts = countsOf(by, criteria);
          let waiting: string[] = [];
          commits.forEach((steps, index) => {
            const writes = new Map<string, Write>();
            for (const one of steps)
              for (const write of writesOf(one, cell)) writes.set(`${write.kind}/${write.id}`, write);
            const commit = cell.commit(...writes.values());
            // The first tasks are counted in portions while commits go on.
            if (index === beginsAt) waiting = idsOf(cell);
            if (index <= beginsAt) return;
            const known = new Map(counts.all.map(({ values, tasks }) => [JSON.stringify(values), tasks]));
            for (const { values, before, tasks } of counts.take(commit, cell)) {
              expect(known.get(JSON.stringify(values)) ?? 0).toBe(before);
              expect(tasks).not.toBe(before);
              known.set(JSON.stringify(values), tasks);
            }
            const all = counts.all.map(({ values, tasks }) => [JSON.stringify(values), tasks] as const);
            expect(new Map([...known].filter(([, tasks]) => tasks > 0))).toEqual(new Map(all));
            counts.count(waiting.splice(0, 2), cell);
            if (waiting.length === 0) expect(sorted(counts.all)).toEqual(sorted(recount(cell, by, criteria)));
          });
          counts.count(idsOf(cell), cell);
          expect(sorted(counts.all)).toEqual(sorted(recount(cell, by, criteria)));
        },
      ),
    );
  });

  it('agree with the existing tasks, one by one', () => {
    const cell = new ScriptedCell();
    const counts = countsOf(['state', 'appName']);
    const web = jobWrite('a', { descriptor: aServiceJob({ appName: 'web' }) });
    const first = counts.take(cell.commit(web, taskWrite('a.0-0'), taskWrite('a.1-0')), cell);
    expect(first).toMatchObject([{ values: ['QUEUED', 'web'], tasks: 2, before: 0 }]);
    const renamed = jobWrite('a', { descriptor: aServiceJob({ appName: 'shop' }) });
    expect(counts.take(cell.commit(renamed), cell)).toMatchObject([
      { values: ['QUEUED', 'web'], tasks: 0, before: 2 },
      { values: ['QUEUED', 'shop'], tasks: 2, before: 0 },
    ]);
    expect(counts.take(cell.commit({ kind: 'task', id: 'a.1-0' }), cell)).toMatchObject([{ tasks: 1 }]);
    expect(counts.take(cell.commit({ kind: 'job', id: 'a' }), cell)).toMatchObject([
      { values: ['QUEUED', 'shop'], tasks: 0 },
      { values: ['QUEUED', ''], tasks: 1 },
    ]);
  });
});

describe('parseDimensions', () => {
  it('names every error', () => {
    expect(parseDimensions(['state', 'colour', 'label:', 'state'])).toMatchObject({
      violations: [
        { field: 'count_tasks_by[1]' },
        { field: 'count_tasks_by[2]' },
        { field: 'count_tasks_by[3]', description: 'names "state" again' },
      ],
    });
  });
});
