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
import { PendingBatches } from '../../stream/pending-batches.js';
import { clusterConflation, clusterNotificationsOf } from './cluster-notifications.js';

const told = (cell: ScriptedCell, ...writes: readonly Write[]) =>
  clusterNotificationsOf(cell.commit(...writes), cell).map((notification) =>
    [
      notification.kind,
      notification.clusterId,
      ...('jobId' in notification ? [notification.jobId] : []),
    ].join(' '),
  );

describe('clusterNotificationsOf', () => {
  it('tells of a cluster, of its jobs, and last of its removal', () => {
    const cell = new ScriptedCell();
    expect(told(cell, clusterWrite('c'))).toEqual(['definition c']);
    expect(told(cell, jobWrite('j', { clusterId: 'c' }), taskWrite('j.0-0'))).toEqual(['jobAdded c j']);
    expect(told(cell, statusWrite('j', State.RUNNING))).toEqual([]);
    expect(told(cell, jobWrite('j', { clusterId: 'c', kill: { atMs: 1, by: 'ada' } }))).toEqual([]);
    expect(told(cell, statusWrite('j', State.FINISHED))).toEqual(['jobFinished c j']);
    expect(told(cell, { kind: 'job', id: 'j' }, { kind: 'jobStatus', id: 'j' })).toEqual([]);
    expect(told(cell, { kind: 'cluster', id: 'c' })).toEqual(['removed c']);
  });

  it('tells only of descriptors that changed', () => {
    const cell = new ScriptedCell();
    told(cell, clusterWrite('c'));
    expect(told(cell, clusterWrite('c', { enabled: false }))).toEqual([]);
    expect(
      told(cell, clusterWrite('c', { descriptor: { ...clusterWrite('c').record.descriptor, name: 'new' } })),
    ).toEqual(['definition c']);
  });

  it('takes the built-in cluster for one that always was, and never goes', () => {
    const cell = new ScriptedCell();
    const change = clusterNotificationsOf(cell.commit(clusterWrite('default')), cell);
    expect(change).toMatchObject([{ kind: 'definition', isFirst: false }]);
    expect(told(cell, { kind: 'cluster', id: 'default' })).toEqual(['definition default']);
  });

  it('tells the end of a job that is gone at once under the cluster that it was in', () => {
    const cell = new ScriptedCell();
    told(cell, clusterWrite('c'), jobWrite('j', { clusterId: 'c' }));
    expect(told(cell, { kind: 'job', id: 'j' }, { kind: 'cluster', id: 'c' })).toEqual([
      'jobFinished c j',
      'removed c',
    ]);
  });

  it('ends with the definition of a cluster that was deleted and made again, also for a slow subscriber', () => {
    const cell = new ScriptedCell();
    const queue = new PendingBatches(clusterConflation, 0);
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
