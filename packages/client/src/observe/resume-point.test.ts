import { ObservedKind, ObserveResponse } from '@berth/shared/gen/berth/v1/observe_service';
import { describe, expect, it } from 'vitest';
import { cellEvents } from '../testing/cell-events.js';
import { type CellEvent, ResumePoint } from './resume-point.js';

function commits(...list: [revision: number, tasks: readonly string[], incomplete?: boolean][]): CellEvent {
  const value = {
    commits: list.map(([revision, ids, incomplete = false]) => ({
      revision,
      commitId: `c${revision}`,
      changes: ids.map((id) => ({ change: { $case: 'task' as const, value: { id } } })),
      incomplete,
    })),
  };
  const { response } = ObserveResponse.fromPartial({ response: { $case: 'commits', value } });
  if (response === undefined) throw new Error('a response');
  return response;
}

const told = (event: CellEvent | undefined) =>
  event?.$case === 'commits'
    ? event.value.commits.map(({ revision, changes }) => [
        revision,
        ...changes.map(({ change }) => (change?.$case === 'task' ? change.value.id : '?')),
      ])
    : event;

describe('ResumePoint', () => {
  it('is where the last whole commit was told', () => {
    const point = new ResumePoint();
    expect(point.position).toBeUndefined();
    point.take(commits([1, ['a']], [2, ['b']], [3, ['c'], true]));
    expect(point.position).toEqual({ revision: 2, commitId: 'c2' });
  });

  it('leaves out what was told of a commit that was cut in two', () => {
    const point = new ResumePoint();
    point.take(commits([1, ['a']], [2, ['a', 'b'], true]));
    expect(told(point.take(commits([2, ['a', 'b', 'c']], [3, ['a']])))).toEqual([
      [2, 'c'],
      [3, 'a'],
    ]);
    expect(told(point.take(commits([4, ['a', 'b']])))).toEqual([[4, 'a', 'b']]);
  });

  it('leaves out what was told out of turn, whichever part of it comes again', () => {
    const point = new ResumePoint();
    point.take(commits([1, ['a']], [5, ['b'], true], [7, ['a'], true]));
    expect(point.position?.revision).toBe(1);
    expect(told(point.take(commits([2, ['a', 'b']], [5, ['b', 'c']], [7, ['a']])))).toEqual([[5, 'c']]);
    expect(point.position?.revision).toBe(7);
  });

  it('is forgotten at a reset', () => {
    const point = new ResumePoint();
    point.take(commits([1, ['a']]));
    point.take({ $case: 'reset', value: { afterRevision: 1, toRevision: 9, reason: 'trimmed' } });
    expect(point.position).toBeUndefined();
  });

  it('tells to forget a part of a snapshot that is followed by another one, and nothing else', () => {
    const point = new ResumePoint();
    expect(point.reopen()).toBeUndefined();
    point.take({ $case: 'snapshot', value: { entities: [] } });
    expect(point.reopen()).toMatchObject({ $case: 'reset', value: { afterRevision: 0 } });
    expect(point.reopen()).toBeUndefined();
    point.take({ $case: 'snapshot', value: { entities: [] } });
    point.take({ $case: 'snapshotEnd', value: { position: { revision: 3, commitId: 'c3' } } });
    expect(point.reopen()).toBeUndefined();
    point.take(commits([4, ['a']]));
    expect(point.reopen()).toBeUndefined();
  });

  it('tells nothing that is older than a removal which was told out of turn', () => {
    const point = new ResumePoint();
    const agent = { change: { $case: 'agent' as const, value: { id: 'x' } } };
    const removed = { change: { $case: 'removed' as const, value: { kind: ObservedKind.AGENT, id: 'x' } } };
    point.take(cellEvents.snapshotEnd(10));
    // The agent changed at 11, went at 13 and came back at 15, which took the place of 11; the stream broke off before.
    point.take(cellEvents.outOfTurn(13, removed));
    expect(point.take(cellEvents.commit(11, agent))).toBeUndefined();
    expect(point.take(cellEvents.commit(15, agent))).toMatchObject({ $case: 'commits' });
  });
});
