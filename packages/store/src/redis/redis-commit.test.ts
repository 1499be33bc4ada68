import { describe, expect, it } from 'vitest';
import { prepareCommit } from '../commit/prepared-commit.js';
import { commitResult } from './redis-commit.js';

const commit = prepareCommit(
  { actor: 'test', writes: [{ kind: 'job', id: 'j' }], claims: [{ name: 'n', owner: 'me' }] },
  'id',
);

describe('the reply of the commit script', () => {
  it('becomes a result', () => {
    expect(commitResult(['ok', '7', '1700000000000'], commit)).toEqual({
      ok: true,
      revision: 7,
      atMs: 1700000000000,
    });
    expect(commitResult(['fenced', '8'], commit)).toEqual({ ok: false, reason: 'fenced', epoch: 8 });
    expect(commitResult(['conflict', '0', '5'], commit)).toEqual({
      ok: false,
      reason: 'conflict',
      kind: 'job',
      id: 'j',
      actualRevision: 5,
    });
    expect(commitResult(['claimed', '0', 'you'], commit)).toEqual({
      ok: false,
      reason: 'claimed',
      name: 'n',
      owner: 'you',
    });
  });

  it('is an error for any other reply', () => {
    for (const reply of [null, 'OK', ['later'], ['conflict', '9', '1'], ['claimed', '9', 'x']]) {
      expect(() => commitResult(reply, commit)).toThrow(expect.objectContaining({ code: 'internal' }));
    }
  });
});
