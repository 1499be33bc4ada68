import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import type { StoreUnderTest } from './store-contract.js';

/** The registry of observers. */
export function observerContract(test: StoreUnderTest): void {
  describe('the registry of observers', () => {
    const lastOf = async (jobId: string) => (await test.store.lastObservedMs([jobId])).get(jobId);

    it('knows the time of the last observation of each job, by the clock of the store', async () => {
      const { store } = test;
      await store.recordObserved(['a', 'b']);
      const known = await store.lastObservedMs(['a', 'b', 'c']);
      expect([...known.keys()].sort()).toEqual(['a', 'b']);
      expect(known.get('a')).toBeGreaterThan(0);
      expect(known.get('a')).toBe(known.get('b'));
    });

    it('keeps a time of its own for each job', async () => {
      const { store } = test;
      await store.recordObserved(['a', 'b']);
      const before = await store.lastObservedMs(['a', 'b']);
      await waitFor(
        async () => {
          await store.recordObserved(['a']);
          return ((await lastOf('a')) ?? 0) > (before.get('a') ?? 0);
        },
        { what: 'the time of the subscription moves on' },
      );
      expect(await lastOf('b')).toBe(before.get('b'));
    });

    it('forgets jobs on request', async () => {
      const { store } = test;
      await store.recordObserved(['a', 'b']);
      await store.forgetObserved(['a', 'never-was']);
      expect([...(await store.lastObservedMs(['a', 'b'])).keys()]).toEqual(['b']);
    });

    it('takes more jobs than one command can hold, or none', async () => {
      const { store } = test;
      const ids = Array.from({ length: 1203 }, (_, index) => `job-${index}`);
      await store.recordObserved(ids);
      expect((await store.lastObservedMs(ids)).size).toBe(ids.length);
      await store.forgetObserved(ids);
      expect((await store.lastObservedMs(ids)).size).toBe(0);
      await store.recordObserved([]);
      expect((await store.lastObservedMs([])).size).toBe(0);
    });
  });
}
