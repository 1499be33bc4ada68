import { TaskStopRecord } from '@berth/shared/gen/berth/v1/store';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { State } from '@berth/shared/model/task/task-state';
import type { Write } from '@berth/store';
import { fieldOf, packWrites } from '@berth/store/wire';
import { describe, expect, it } from 'vitest';
import { jobWrite, moveWrite, ScriptedCell, taskWrite } from '../../testing/scripted-cell.js';
import { RecycledMemory } from '../../tuning/segment-pool.js';
import { KeptCommit } from './stored-commit.js';

const memory = new RecycledMemory(4096);

/** The commit as the log would tell of it. */
function packedAsInLog(commit: CommitChanges): CommitChanges & { readonly packed: Buffer } {
  const writes = commit.changes.map(({ kind, id, after }) => {
    return { field: fieldOf(kind, id), bytes: after?.bytes ?? new Uint8Array() };
  });
  return { ...commit, packed: packWrites(writes) };
}

describe('a commit that is kept', () => {
  it('gives back each record as it was stored, and what was removed', () => {
    const cell = new ScriptedCell();
    cell.commit(jobWrite('j'), taskWrite('j.0-0'), taskWrite('j.1-0'));
    const moved = moveWrite(taskWrite('j.0-0').record, State.RUNNING);
    const commit = cell.commit(moved, jobWrite('größer'), { kind: 'task', id: 'j.1-0' });
    const kept = new KeptCommit(commit, memory);
    expect(kept).toMatchObject({ revision: 2, commitId: 'c2', atMs: 2 });
    expect(kept.writes.map(({ field, revision, bytes }) => [field, revision, Buffer.from(bytes)])).toEqual(
      commit.changes.map(({ kind, id, after }) => [
        fieldOf(kind, id),
        2,
        Buffer.from(after?.bytes ?? new Uint8Array()),
      ]),
    );
    const bytes = commit.changes.reduce((sum, { after }) => sum + (after?.bytes.length ?? 0), 0);
    expect(kept.byteLength).toBeGreaterThan(bytes);
  });

  it('takes over what the log holds where all of it is told, and keeps a copy of its own', () => {
    const cell = new ScriptedCell();
    cell.commit(jobWrite('j'), taskWrite('j.0-0'));
    const moved = moveWrite(taskWrite('j.0-0').record, State.RUNNING);
    const plainCommit = cell.commit(moved, { kind: 'job', id: 'j' });
    const commit = packedAsInLog(plainCommit);
    const [kept, expected] = [new KeptCommit(commit, memory), new KeptCommit(plainCommit, memory)];
    commit.packed.fill(0);
    const plain = ({ writes }: KeptCommit) =>
      writes.map(({ field, revision, bytes }) => [field, revision, Buffer.from(bytes)]);
    expect(plain(kept)).toEqual(plain(expected));
    expect(kept.writes).toHaveLength(2);
  });

  it('leaves out what no subscriber is told of, also of what the log holds', () => {
    const cell = new ScriptedCell();
    const task = taskWrite('j.0-0');
    cell.commit(jobWrite('j'), task);
    const unseen: Write = { ...task, record: { ...task.record, deadlineAtMs: 5 } };
    const commit = packedAsInLog(cell.commit(unseen, moveWrite(taskWrite('j.1-0').record, State.RUNNING)));
    expect(new KeptCommit(commit, memory).writes.map(({ field }) => field)).toEqual(['task/j.1-0']);
  });

  it('leaves out what no subscriber is told of', () => {
    const cell = new ScriptedCell();
    const task = taskWrite('j.0-0');
    cell.commit(jobWrite('j'), task);
    const unseen: Write = { ...task, record: { ...task.record, deadlineAtMs: 5 } };
    const stop: Write = {
      kind: 'taskStop',
      id: 'j.0-0',
      record: TaskStopRecord.fromPartial({ taskId: 'j.0-0' }),
    };
    expect(new KeptCommit(cell.commit(unseen, stop), memory).writes).toEqual([]);
  });
});
