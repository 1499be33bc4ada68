import { TaskStopRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task-state';
import { fieldOf } from '@berth/shared/store/codec';
import type { Write } from '@berth/shared/store/store';
import { describe, expect, it } from 'vitest';
import { jobWrite, moveWrite, ScriptedCell, taskWrite } from '../testing/scripted-cell.js';
import { KeptCommit } from './kept-commit.js';

describe('a commit that is kept', () => {
  it('gives back each record as it was stored, and what was removed', () => {
    const cell = new ScriptedCell();
    cell.commit(jobWrite('j'), taskWrite('j.0-0'), taskWrite('j.1-0'));
    const moved = moveWrite(taskWrite('j.0-0').record, State.RUNNING);
    const commit = cell.commit(moved, jobWrite('größer'), { kind: 'task', id: 'j.1-0' });
    const kept = new KeptCommit(commit);
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
    expect(new KeptCommit(cell.commit(unseen, stop)).writes).toEqual([]);
  });
});
