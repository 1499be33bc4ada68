import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { AnyEntity } from '@berth/shared/model/cell/entity';
import type { Write } from '@berth/store';
import fc from 'fast-check';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { observedKinds, selectedEntities, snapshotKinds } from '../../observe/berth/core/cell-changes.js';
import {
  clusterWrite,
  jobWrite,
  ScriptedCell,
  type Step,
  taskWrite,
  writesOf,
} from '../../testing/scripted-cell.js';
import type { ChangingView } from './changing-view.js';
import { PointInTimeViews } from './point-in-time-view.js';

/** A scripted cell that emits its commits. */
function aChangingCell() {
  const changes$ = new Subject<CommitChanges>();
  const cell = Object.assign(new ScriptedCell(), { changes$ });
  const commit = (...writes: readonly Write[]) => changes$.next(cell.commit(...writes));
  const view: ChangingView = cell;
  return { cell, view, commit };
}

const everything = { kinds: new Set(observedKinds), filter: undefined };
const keyOf = ({ kind, id, revision }: AnyEntity) => `${kind}/${id}@${revision}`;

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom<Step['act']>(
    ...(['create', 'addTask', 'addTask', 'move', 'redefine', 'touch', 'finish', 'remove'] as const),
  ),
  job: fc.nat({ max: 3 }),
  task: fc.nat({ max: 4 }),
});

describe('a point-in-time view', () => {
  it('does not change, even if it is read slowly while the cell changes', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 40 }),
        fc.array(fc.record({ step, read: fc.nat({ max: 2 }) }), { maxLength: 60 }),
        (before, after) => {
          const { cell, view, commit } = aChangingCell();
          const views = new PointInTimeViews(view);
          for (const one of before) commit(...writesOf(one, cell));
          const expected = Array.from(selectedEntities(cell, everything), keyOf);
          const past = views.take(snapshotKinds(everything));
          const reading = selectedEntities(past, everything);
          const read: string[] = [];
          for (const { step: one, read: count } of after) {
            for (let taken = 0; taken < count; taken += 1) {
              const next = reading.next();
              if (next.done !== true) read.push(keyOf(next.value));
            }
            commit(...writesOf(one, cell));
          }
          for (const entity of reading) read.push(keyOf(entity));
          expect(read.toSorted()).toEqual(expected.toSorted());
          past.close();
          expect(views.open).toBe(0);
        },
      ),
    );
  });

  it('shows the state before the commit to the commit’s own subscribers', () => {
    const { view, commit } = aChangingCell();
    const views = new PointInTimeViews(view);
    commit(jobWrite('a'), taskWrite('a.0-0'));
    const past = views.take(['job']);
    const seen: string[][] = [];
    view.changes$.subscribe(() => seen.push(past.tasksOf('a').map(keyOf)));
    commit(taskWrite('a.1-0'), { kind: 'task', id: 'a.0-0' });
    expect(seen).toEqual([['task/a.0-0@1']]);
    expect(past.find('jobStatus', 'a')).toBeUndefined();
    views.close();
  });

  it('lists all entities of its kinds, and refuses other kinds', () => {
    const { view, commit } = aChangingCell();
    const views = new PointInTimeViews(view);
    commit(clusterWrite('c'));
    const past = views.take(['cluster']);
    commit({ kind: 'cluster', id: 'c' });
    expect(past.all('cluster').map(keyOf)).toEqual(['cluster/c@1']);
    expect(() => past.all('job')).toThrow('nothing was kept');
    views.close();
  });
});
