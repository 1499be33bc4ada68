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

const sent = (event: CellEvent | undefined) =>
  event?.$case === 'commits'
    ? event.value.commits.map(({ revision, changes }) => [
        revision,
        ...changes.map(({ change }) => (change?.$case === 'task' ? change.value.id : '?')),
      ])
    : event;

describe('ResumePoint', () => {
  it('is the end of the last complete commit', () => {
    const point = new ResumePoint();
    expect(point.position).toBeUndefined();
    point.take(commits([1, ['a']], [2, ['b']], [3, ['c'], true]));
    expect(point.position).toEqual({ revision: 2, commitId: 'c2' });
  });

  it('leaves out the part of a cut commit that was already sent', () => {
    const point = new ResumePoint();
    point.take(commits([1, ['a']], [2, ['a', 'b'], true]));
    expect(sent(point.take(commits([2, ['a', 'b', 'c']], [3, ['a']])))).toEqual([
      [2, 'c'],
      [3, 'a'],
    ]);
    expect(sent(point.take(commits([4, ['a', 'b']])))).toEqual([[4, 'a', 'b']]);
  });

  it('leaves out changes that were sent out of turn, in any later form', () => {
    const point = new ResumePoint();
    point.take(commits([1, ['a']], [5, ['b'], true], [7, ['a'], true]));
    expect(point.position?.revision).toBe(1);
    expect(sent(point.take(commits([2, ['a', 'b']], [5, ['b', 'c']], [7, ['a']])))).toEqual([[5, 'c']]);
    expect(point.position?.revision).toBe(7);
  });

  it('forgets its position at a reset', () => {
    const point = new ResumePoint();
    point.take(commits([1, ['a']]));
    point.take({ $case: 'reset', value: { afterRevision: 1, toRevision: 9, reason: 'trimmed' } });
    expect(point.position).toBeUndefined();
  });

  it('asks for a reset only if a snapshot broke off and another one follows', () => {
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

  it('sends nothing older than a removal that came out of turn', () => {
    const point = new ResumePoint();
    const agent = { change: { $case: 'agent' as const, value: { id: 'x' } } };
    const removed = { change: { $case: 'removed' as const, value: { kind: ObservedKind.AGENT, id: 'x' } } };
    point.take(cellEvents.snapshotEnd(10));
    // The agent changed at 11, went at 13 and came back at 15, and that change replaced the one of 11. The
    // stream broke before 15.
    point.take(cellEvents.outOfTurn(13, removed));
    expect(point.take(cellEvents.commit(11, agent))).toBeUndefined();
    expect(point.take(cellEvents.commit(15, agent))).toMatchObject({ $case: 'commits' });
  });
});
