import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Write } from '@berth/store';
import { describe, expect, it } from 'vitest';
import {
  clusterWrite,
  jobWrite,
  ScriptedCell,
  statusWrite,
  taskWrite,
} from '../../../testing/scripted-cell.js';
import { tuned } from '../../../tuning/observe-tuning.js';
import { PendingBatches } from '../../stream/pending-batches.js';
import { clusterConflation, clusterNotificationsOf } from './cluster-notifications.js';

const notify = (cell: ScriptedCell, ...writes: readonly Write[]) =>
  clusterNotificationsOf(cell.commit(...writes), cell).map((notification) =>
    [
      notification.kind,
      notification.clusterId,
      ...('jobId' in notification ? [notification.jobId] : []),
    ].join(' '),
  );

describe('clusterNotificationsOf', () => {
  it('reports a cluster, then its jobs, then its removal', () => {
    const cell = new ScriptedCell();
    expect(notify(cell, clusterWrite('c'))).toEqual(['definition c']);
    expect(notify(cell, jobWrite('j', { clusterId: 'c' }), taskWrite('j.0-0'))).toEqual(['jobAdded c j']);
    expect(notify(cell, statusWrite('j', State.RUNNING))).toEqual([]);
    expect(notify(cell, jobWrite('j', { clusterId: 'c', kill: { atMs: 1, by: 'ada' } }))).toEqual([]);
    expect(notify(cell, statusWrite('j', State.FINISHED))).toEqual(['jobFinished c j']);
    expect(notify(cell, { kind: 'job', id: 'j' }, { kind: 'jobStatus', id: 'j' })).toEqual([]);
    expect(notify(cell, { kind: 'cluster', id: 'c' })).toEqual(['removed c']);
  });

  it('reports only changed descriptors', () => {
    const cell = new ScriptedCell();
    notify(cell, clusterWrite('c'));
    expect(notify(cell, clusterWrite('c', { enabled: false }))).toEqual([]);
    expect(
      notify(
        cell,
        clusterWrite('c', { descriptor: { ...clusterWrite('c').record.descriptor, name: 'new' } }),
      ),
    ).toEqual(['definition c']);
  });

  it('treats the built-in cluster as one that always exists', () => {
    const cell = new ScriptedCell();
    const change = clusterNotificationsOf(cell.commit(clusterWrite('default')), cell);
    expect(change).toMatchObject([{ kind: 'definition', isFirst: false }]);
    expect(notify(cell, { kind: 'cluster', id: 'default' })).toEqual(['definition default']);
  });

  it('reports the end of a job that is removed at once under its cluster', () => {
    const cell = new ScriptedCell();
    notify(cell, clusterWrite('c'), jobWrite('j', { clusterId: 'c' }));
    expect(notify(cell, { kind: 'job', id: 'j' }, { kind: 'cluster', id: 'c' })).toEqual([
      'jobFinished c j',
      'removed c',
    ]);
  });

  it('ends with the definition of a cluster that was deleted and created again, also for a slow subscriber', () => {
    const cell = new ScriptedCell();
    const queue = new PendingBatches(clusterConflation, 0, tuned);
    for (const write of [
      clusterWrite('other'),
      clusterWrite('c'),
      { kind: 'cluster', id: 'c' } as const,
      clusterWrite('c'),
    ])
      queue.add(clusterNotificationsOf(cell.commit(write), cell));
    const kinds: string[] = [];
    for (let batch = queue.take(); batch !== undefined; batch = queue.take())
      kinds.push(...batch.filter(({ clusterId }) => clusterId === 'c').map(({ kind }) => kind));
    expect(kinds.at(-1)).toBe('definition');
  });
});
