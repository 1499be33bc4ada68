import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { jobWrite, moveWrite, ScriptedCell, taskWrite } from '../../../testing/scripted-cell.js';
import { changesOf, observedKinds } from './cell-changes.js';

const selection = { kinds: new Set(observedKinds), filter: undefined };

describe('a change of the cell', () => {
  it('names its commit, and does not keep the other changes of that commit alive', () => {
    const cell = new ScriptedCell();
    cell.commit(jobWrite('j'), taskWrite('j.0-0'));
    const commit = cell.commit(moveWrite(taskWrite('j.0-0').record, State.RUNNING), jobWrite('other'));
    const changes = changesOf(commit, cell, selection);
    expect(changes.map(({ kind, id }) => `${kind} ${id}`)).toEqual(['task j.0-0', 'job other']);
    const { revision, commitId, atMs } = commit;
    for (const one of changes) expect(one.commit).toStrictEqual({ revision, commitId, atMs });
  });
});
