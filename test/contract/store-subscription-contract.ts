import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import type { StoreUnderTest } from './store-contract.js';

/** Who observes which job. */
export function subscriptionContract(test: StoreUnderTest): void {
  describe('the subscriptions of jobs', () => {
    const lastOf = async (jobId: string) => (await test.store.lastSubscribedMs([jobId])).get(jobId);

    it('are known with the time of the last touch, by the clock of the store', async () => {
      const { store } = test;
      await store.touchSubscribed(['a', 'b']);
      const known = await store.lastSubscribedMs(['a', 'b', 'c']);
      expect([...known.keys()].sort()).toEqual(['a', 'b']);
      expect(known.get('a')).toBeGreaterThan(0);
      expect(known.get('a')).toBe(known.get('b'));
    });

    it('become newer with each touch, each for itself', async () => {
      const { store } = test;
      await store.touchSubscribed(['a', 'b']);
      const before = await store.lastSubscribedMs(['a', 'b']);
      await waitFor(
        async () => {
          await store.touchSubscribed(['a']);
          return ((await lastOf('a')) ?? 0) > (before.get('a') ?? 0);
        },
        { what: 'the time of the subscription moves on' },
      );
      expect(await lastOf('b')).toBe(before.get('b'));
    });

    it('are forgotten on request', async () => {
      const { store } = test;
      await store.touchSubscribed(['a', 'b']);
      await store.forgetSubscribed(['a', 'never-was']);
      expect([...(await store.lastSubscribedMs(['a', 'b'])).keys()]).toEqual(['b']);
    });

    it('may be those of more jobs than one command takes, or of none', async () => {
      const { store } = test;
      const ids = Array.from({ length: 1203 }, (_, index) => `job-${index}`);
      await store.touchSubscribed(ids);
      expect((await store.lastSubscribedMs(ids)).size).toBe(ids.length);
      await store.forgetSubscribed(ids);
      expect((await store.lastSubscribedMs(ids)).size).toBe(0);
      await store.touchSubscribed([]);
      expect((await store.lastSubscribedMs([])).size).toBe(0);
    });
  });
}
