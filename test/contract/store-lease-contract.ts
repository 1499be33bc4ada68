import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import type { StoreUnderTest } from './store-contract.js';
import { applied, cluster, request, scanAll } from './store-fixtures.js';

/** The leader's lease, and the fencing by its epoch. */
export function leaseContract(test: StoreUnderTest): void {
  const acquire = async (holder: string, ttlMs = 60_000) => {
    const lease = await test.store.tryAcquire(holder, ttlMs);
    if (lease === undefined) throw new Error(`${holder} did not get the lease`);
    return lease;
  };

  describe('the lease', () => {
    it('has one holder at a time', async () => {
      await acquire('first');
      expect(await test.store.tryAcquire('second', 60_000)).toBeUndefined();
    });

    it('has a greater epoch after each acquisition, by the same holder, too', async () => {
      const first = await acquire('first');
      const again = await acquire('first');
      expect(again.epoch).toBeGreaterThan(first.epoch);
      await test.store.release('first', again.epoch);
      expect((await acquire('second')).epoch).toBeGreaterThan(again.epoch);
    });

    it('passes to another holder if it is not renewed in time', async () => {
      const first = await acquire('first', 50);
      const second = await waitFor(() => test.store.tryAcquire('second', 60_000), {
        what: 'the lease expires',
      });
      expect(second.epoch).toBeGreaterThan(first.epoch);
      expect(await test.store.renew('first', first.epoch, 60_000)).toBe(false);
      expect(await test.store.renew('second', second.epoch, 60_000)).toBe(true);
    });

    it('lasts longer when it is renewed', async () => {
      const { epoch } = await acquire('first', 300);
      expect(await test.store.renew('first', epoch, 60_000)).toBe(true);
      // The end of a claim of the same length shows that the first time to live is over.
      const claims = (owner: string) => request([], { claims: [{ name: 'timer', owner, ttlMs: 350 }] });
      applied(await test.store.commit(claims('one')));
      await waitFor(async () => (await test.store.commit(claims('two'))).ok, {
        what: 'the claim has expired',
      });
      expect(await test.store.tryAcquire('second', 60_000)).toBeUndefined();
    });

    it('is given up only by its holder', async () => {
      const { epoch } = await acquire('first');
      await test.store.release('second', epoch);
      await test.store.release('first', epoch - 1);
      expect(await test.store.tryAcquire('second', 60_000)).toBeUndefined();
      await test.store.release('first', epoch);
      await acquire('second');
    });

    it('fences off commits of every other epoch', async () => {
      const { store } = test;
      const old = await acquire('first');
      applied(await store.commit(request([cluster('a')], { epoch: old.epoch })));
      await store.release('first', old.epoch);
      const { epoch } = await acquire('second');
      const fenced = await store.commit(request([cluster('b')], { epoch: old.epoch }));
      expect(fenced).toEqual({ ok: false, reason: 'fenced', epoch });
      applied(await store.commit(request([cluster('c')], { epoch })));
      expect([...(await scanAll(store.openLogReader())).keys()].sort()).toEqual(['cluster/a', 'cluster/c']);
    });

    it('gives a repeated commit of an old epoch its first result', async () => {
      const { store } = test;
      const { epoch } = await acquire('first');
      const commit = request([cluster('a')], { epoch, commitId: 'once' });
      const first = await store.commit(commit);
      await acquire('first');
      expect(await store.commit(commit)).toEqual(first);
    });
  });
}
