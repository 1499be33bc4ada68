import { ClusterRecord, JobRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import type { StoredEntity } from '../contract/log.js';
import { encodeRecord } from '../wire/codec.js';
import { CellTables, diffTables } from './cell-tables.js';

function task(id: string, jobId: string, revision = 1): StoredEntity {
  return { field: `task/${id}`, revision, bytes: encodeRecord('task', TaskRecord.fromPartial({ jobId })) };
}

function cluster(id: string, revision = 1, createdAtMs = 1): StoredEntity {
  const record = ClusterRecord.fromPartial({ id, createdAtMs });
  return { field: `cluster/${id}`, revision, bytes: encodeRecord('cluster', record) };
}

function removal(field: string, revision = 1): StoredEntity {
  return { field, revision, bytes: new Uint8Array(0) };
}

function tablesOf(...writes: StoredEntity[]): CellTables {
  const tables = new CellTables();
  tables.apply(entry(...writes));
  return tables;
}

function entry(...writes: StoredEntity[]) {
  return { revision: writes[0]?.revision ?? 0, writes };
}

describe('the tables of a cell', () => {
  it('return the changes of the writes of a commit, in order', () => {
    const tables = tablesOf(cluster('changed'), cluster('removed'));
    const changes = tables.apply(
      entry(cluster('new', 2), cluster('changed', 2), removal('cluster/removed', 2)),
    );
    expect(changes.map(({ id, before, after }) => [id, before?.revision, after?.revision])).toEqual([
      ['new', undefined, 2],
      ['changed', 1, 2],
      ['removed', 1, undefined],
    ]);
    expect([...tables.all('cluster')].map(({ id }) => id)).toEqual(['changed', 'new']);
  });

  it('skip the removal of an absent entity, and kinds of a later version', () => {
    const later = { field: 'later/x', revision: 1, bytes: Uint8Array.of(1) };
    expect(new CellTables().apply(entry(removal('cluster/none'), later, removal('later/y')))).toEqual([]);
  });

  it('apply all writes of a commit, or none if one cannot be decoded', () => {
    const tables = tablesOf(cluster('a'));
    const broken = { field: 'cluster/b', revision: 2, bytes: Uint8Array.of(0x0a, 0x7f) };
    expect(() => tables.apply(entry(removal('cluster/a', 2), broken))).toThrow('cluster/b');
    expect(tables.find('cluster', 'a')?.revision).toBe(1);
  });

  it('know the tasks of each job in the order of their creation', () => {
    const tables = tablesOf(task('1', 'j'), task('x', 'other'), task('2', 'j'), task('3', 'j'));
    tables.apply(entry(task('1', 'j', 2), removal('task/2', 2)));
    expect(tables.tasksOf('j').map(({ id, revision }) => [id, revision])).toEqual([
      ['1', 2],
      ['3', 1],
    ]);
    expect(tables.tasksOf('none')).toEqual([]);
  });

  it('return the same list of tasks until a task of the job changes, and never change that list', () => {
    const tables = tablesOf(task('1', 'j'), task('x', 'other'));
    const before = tables.tasksOf('j');
    tables.apply(entry(task('x', 'other', 2)));
    expect(tables.tasksOf('j')).toBe(before);
    tables.apply(entry(task('2', 'j', 3)));
    expect(tables.tasksOf('j')).not.toBe(before);
    expect(before.map(({ id }) => id)).toEqual(['1']);
  });

  it('move a task whose job changes', () => {
    const tables = tablesOf(task('1', 'old'));
    tables.apply(entry(task('1', 'new', 2)));
    expect([tables.tasksOf('old').length, tables.tasksOf('new').length]).toEqual([0, 1]);
  });
});

describe('the difference between two states', () => {
  it('holds the created, changed and removed entities, and nothing else', () => {
    const from = tablesOf(cluster('same'), cluster('changed'), cluster('removed'));
    const to = tablesOf(cluster('same'), cluster('changed', 2), cluster('new', 2));
    expect(
      diffTables(from, to).map(({ id, before, after }) => [id, before?.revision, after?.revision]),
    ).toEqual([
      ['changed', 1, 2],
      ['new', undefined, 2],
      ['removed', 1, undefined],
    ]);
  });

  it('sees other bytes under the same revision, as after a failover', () => {
    expect(diffTables(tablesOf(cluster('a', 1, 1)), tablesOf(cluster('a', 1, 2)))).toHaveLength(1);
  });

  it('removes tasks before their job and creates them after it', () => {
    const job = {
      field: 'job/j',
      revision: 1,
      bytes: encodeRecord('job', JobRecord.fromPartial({ id: 'j' })),
    };
    const full = tablesOf(task('1', 'j'), job);
    expect(diffTables(new CellTables(), full).map(({ kind }) => kind)).toEqual(['job', 'task']);
    expect(diffTables(full, new CellTables()).map(({ kind }) => kind)).toEqual(['task', 'job']);
  });

  it('keep only the bytes of the tasks of a finished job', () => {
    const tables = new CellTables();
    const own = (id: string) => {
      const record = TaskRecord.fromPartial({ jobId: 'j', task: { id } });
      return { kind: 'task', id, record, bytes: encodeRecord('task', record) } as const;
    };
    const [first, second] = [own('1'), own('2')];
    tables.apply({ revision: 1, writes: [] }, [first, second]);
    expect(tables.find('task', '1')?.record).toBe(first.record);
    const status = JobStatusRecord.fromPartial({ jobId: 'j', state: { state: State.FINISHED } });
    const ended = {
      kind: 'jobStatus',
      id: 'j',
      record: status,
      bytes: encodeRecord('jobStatus', status),
    } as const;
    tables.apply({ revision: 2, writes: [] }, [ended]);
    const packed = tables.find('task', '1');
    expect(packed).toMatchObject({ id: '1', revision: 1, bytes: first.bytes });
    expect(packed?.record).not.toBe(first.record);
    expect(packed?.record).toEqual(first.record);
    expect(tables.tasksOf('j')).toEqual([packed, tables.find('task', '2')]);
  });
});
