import { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { AnyChange } from '@berth/shared/model/cell/change';
import type { AnyEntity, EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import { describe, expect, it } from 'vitest';
import { AppliedCommit } from '../replica/applied-commit.js';
import { encodeRecord, fieldOf } from '../wire/codec.js';
import { packWrites } from '../wire/packed-writes.js';
import { SegmentPool } from '../wire/segment-pool.js';
import { StoredCommit } from './stored-commit.js';

const pool = new SegmentPool(4096);

function put<K extends EntityKind>(kind: K, id: string, record: EntityRecords[K]): AnyChange {
  const after = { kind, id, revision: 2, record, bytes: encodeRecord(kind, record) } as AnyEntity;
  return { kind, id, after } as AnyChange;
}

const job = put('job', 'größer', JobRecord.fromPartial({ id: 'größer' }));
const task = put('task', 'j.0-0', TaskRecord.fromPartial({ jobId: 'j', task: { id: 'j.0-0' } }));
const removal: AnyChange = { kind: 'task', id: 'j.1-0' };

function writeOf({ kind, id, after }: AnyChange) {
  return { field: fieldOf(kind, id), bytes: after?.bytes ?? new Uint8Array() };
}

const plain = ({ changes }: StoredCommit) =>
  changes.map((change) => {
    const { revision, record } = change.entity() ?? {};
    return [fieldOf(change.kind, change.id), revision, record];
  });

const stored = (...changes: AnyChange[]) =>
  changes.map(({ kind, id, after }) => [fieldOf(kind, id), after?.revision, after?.record]);

const entry = { revision: 2, commitId: 'c2', atMs: 3, actor: 'test' };
const all = () => true;

describe.each(['on', 'off'] as const)('a stored commit, with the tuning %s', (tuning) => {
  const options = { isRelevant: all, pool, tuning };

  it('gives back each record as it was stored, and each removal', () => {
    const commit = new StoredCommit({ ...entry, changes: [task, job, removal] }, options);
    expect(commit).toMatchObject({ revision: 2, commitId: 'c2', atMs: 3 });
    expect(plain(commit)).toEqual(stored(task, job, removal));
    const bytes = [task, job].reduce((sum, { after }) => sum + (after?.bytes.length ?? 0), 0);
    expect(commit.byteLength).toBeGreaterThan(bytes);
  });

  it('copies the packed form if all changes are relevant', () => {
    const changes = [task, removal];
    const packed = packWrites(changes.map(writeOf));
    const commit = new StoredCommit(new AppliedCommit(entry, changes, packed), options);
    packed.fill(0);
    expect(plain(commit)).toEqual(stored(task, removal));
  });

  it('leaves out irrelevant changes, also those of the packed form', () => {
    const changes = [task, job];
    const packed = packWrites(changes.map(writeOf));
    const isRelevant = ({ kind }: AnyChange) => kind === 'job';
    for (const commit of [{ ...entry, changes }, new AppliedCommit(entry, changes, packed)])
      expect(plain(new StoredCommit(commit, { ...options, isRelevant }))).toEqual(stored(job));
  });
});
