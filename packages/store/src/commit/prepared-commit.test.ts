import { Assignment, ClusterRecord } from '@berth/shared/gen/berth/v1/store';
import type { BerthError } from '@berth/shared/model/errors/errors';
import { describe, expect, it } from 'vitest';
import type { CommitRequest } from '../contract/commit.js';
import { followingStreamId, maxBytesPerCommit, prepareCommit } from './prepared-commit.js';

function prepare(request: Partial<CommitRequest>) {
  return prepareCommit({ actor: 'test', writes: [], ...request }, 'made up');
}

function violationsOf(request: Partial<CommitRequest>): readonly string[] {
  try {
    prepare(request);
  } catch (error) {
    return (error as BerthError).violations.map(({ field }) => field);
  }
  return [];
}

describe('a prepared commit', () => {
  it('has the id of its request, or the given one', () => {
    expect(prepare({ commitId: 'own' }).commitId).toBe('own');
    expect(prepare({}).commitId).toBe('made up');
  });

  it('has its assignments by agent, in order, with empty bytes for a task that is taken off', () => {
    const assignment = Assignment.fromPartial({ taskId: 't1' });
    const { assignments } = prepare({
      assignments: [
        { agentId: 'one', taskId: 't1', assignment },
        { agentId: 'two', taskId: 't2' },
        { agentId: 'one', taskId: 't3' },
      ],
    });
    expect([...assignments].map(([agent, list]) => [agent, list.map(({ taskId }) => taskId)])).toEqual([
      ['one', ['t1', 't3']],
      ['two', ['t2']],
    ]);
    expect(assignments.get('one')?.map(({ bytes }) => bytes.length > 0)).toEqual([true, false]);
  });

  it('forgets the agents that it removes', () => {
    const record = ClusterRecord.fromPartial({ id: 'c' });
    const { forgottenAgents } = prepare({
      writes: [
        { kind: 'agent', id: 'gone' },
        { kind: 'agentStatus', id: 'gone' },
        { kind: 'cluster', id: 'c', record },
      ],
    });
    expect(forgottenAgents).toEqual(['gone']);
  });

  it('names every violation of its request at once', () => {
    const twice = { kind: 'cluster', id: 'c' } as const;
    const wrong = violationsOf({
      writes: [twice, twice, { kind: 'job', id: '' }, { kind: 'task', id: 't', expectedRevision: -1 }],
      assignments: Array.from({ length: 2001 }, (_, index) => ({ agentId: 'a', taskId: `t${index}` })),
      claims: [{ name: 'n', owner: 'o', ttlMs: 0 }],
      releaseClaims: [{ name: 'n', owner: 'o' }],
      archive: [{ jobId: 'j', ttlMs: Number.NaN, fields: {} }],
      epoch: 1.5,
      ackReportsThrough: '7',
    });
    expect(wrong.toSorted()).toEqual(
      [
        'archive',
        'archive',
        'ackReportsThrough',
        'assignments',
        'claims',
        'claims',
        'epoch',
        'writes',
        'writes',
        'writes',
      ].toSorted(),
    );
  });

  it('is refused if it is too large for one command', () => {
    const record = ClusterRecord.fromPartial({ id: 'x'.repeat(maxBytesPerCommit) });
    expect(violationsOf({ writes: [{ kind: 'cluster', id: 'c', record }] })).toEqual(['writes']);
  });
});

describe('the stream id that follows another', () => {
  it('is the next in its millisecond, also beyond the exact range of a number', () => {
    expect(followingStreamId('1700000000000-0')).toBe('1700000000000-1');
    expect(followingStreamId('5-9007199254740993')).toBe('5-9007199254740994');
  });
});
