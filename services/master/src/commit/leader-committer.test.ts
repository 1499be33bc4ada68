import { BerthError } from '@berth/shared/model/errors/errors';
import { describe, expect, it } from 'vitest';
import { aJob, must, second } from '../testing/fixtures.js';
import { StoreLink } from '../testing/store-link.js';
import { TestStage } from '../testing/test-stage.js';
import { settle } from '../testing/virtual-clock.js';
import { FencedError, HistoryLostError } from './leader-committer.js';

const job = aJob();
const write = { kind: 'job', id: job.id, record: job } as const;

async function leader() {
  const stage = await TestStage.open();
  const lease = must(await stage.store.tryAcquire('master', 3600 * second));
  const link = new StoreLink(stage.store);
  const { signal } = new AbortController();
  return { stage, link, signal, committer: stage.committer(link, lease.epoch) };
}

describe('the committer of a leader', () => {
  it('commits as the master of its epoch, and returns once the replica holds the commit', async () => {
    const { stage, link, signal, committer } = await leader();
    const result = await committer.commit({ writes: [write] }, { signal });
    expect(result).toMatchObject({ ok: true, revision: stage.replica.revision });
    expect(link.requests).toMatchObject([{ actor: 'master', epoch: expect.any(Number) }]);
  });

  it('asks again with the same commit id while the outcome is unknown, so that the commit happens once', async () => {
    const { stage, link, signal, committer } = await leader();
    const fates = ['lose', 'loseAnswer'] as const;
    let asked = 0;
    link.commitFate = () => fates[asked++] ?? 'apply';
    const done = committer.commit({ writes: [write] }, { signal });
    await stage.clock.advance(second);
    expect(await done).toMatchObject({ ok: true, revision: 1 });
    expect(new Set(link.requests.map(({ commitId }) => commitId)).size).toBe(1);
    expect(link.requests).toHaveLength(3);
  });

  it('does not ask again once the decision is out of date', async () => {
    const { stage, link, signal, committer } = await leader();
    link.isCut = true;
    const done = committer.commit({ writes: [write] }, { signal, validMs: second });
    const failed = expect(done).rejects.toThrow(BerthError);
    await stage.clock.advance(2 * second);
    await failed;
  });

  it('returns a conflict once the replica holds the change that it conflicts with', async () => {
    const { stage, signal, committer } = await leader();
    await stage.store.commit({ actor: 'ada', writes: [write] });
    const result = await committer.commit({ writes: [{ ...write, expectedRevision: 0 }] }, { signal });
    expect(result).toMatchObject({ ok: false, reason: 'conflict', actualRevision: 1 });
    expect(stage.replica.revision).toBe(1);
  });

  it('waits a moment after a conflict with a removal, which has no revision', async () => {
    const { stage, signal, committer } = await leader();
    let isDone = false;
    const done = committer.commit({ writes: [{ ...write, expectedRevision: 7 }] }, { signal }).then(() => {
      isDone = true;
    });
    await settle();
    expect(isDone).toBe(false);
    await stage.clock.advance(20);
    await done;
    expect(isDone).toBe(true);
  });

  it('fails with a HistoryLostError if the store was set back after the decision', async () => {
    const { stage, signal, committer } = await leader();
    const setBack = stage.store.checkpoint();
    await committer.commit({ writes: [write] }, { signal });
    const { head: decidedOn } = committer;
    setBack();
    const other = { ...write, id: 'job-2', record: { ...job, id: 'job-2' } };
    await expect(committer.commit({ writes: [other] }, { signal, decidedOn })).rejects.toThrow(
      HistoryLostError,
    );
    await settle();
    expect(stage.replica.revision).toBe(0);
  });

  it('fails with a FencedError when another master leads', async () => {
    const { stage, link, signal } = await leader();
    await stage.clock.jump(7200 * second);
    must(await stage.store.tryAcquire('other', 3600 * second));
    const old = stage.committer(link, 1);
    await expect(old.commit({ writes: [write] }, { signal })).rejects.toThrow(FencedError);
    expect(stage.replica.revision).toBe(0);
  });
});
