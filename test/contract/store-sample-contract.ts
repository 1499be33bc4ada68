import type { SampleBatch } from '@berth/shared/gen/berth/v1/store';
import type { CellStore, SampleFeed } from '@berth/store';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../support/process/wait-for.js';
import type { StoreUnderTest } from './store-contract.js';
import { applied, cluster, readAll, request, sampleBatch } from './store-fixtures.js';

/** All batches of a feed. */
export function ear(feed: SampleFeed): { readonly heard: SampleBatch[]; isOver: boolean } {
  const heard: SampleBatch[] = [];
  const result = { heard, isOver: false };
  feed.batches$.subscribe({
    next: (batch) => heard.push(batch),
    complete: () => {
      result.isOver = true;
    },
  });
  return result;
}

/** Publishes probes until each feed has received one. From then on they miss nothing. */
export async function untilHeard(
  store: Pick<CellStore, 'publishSamples'>,
  ...ears: readonly ReturnType<typeof ear>[]
): Promise<void> {
  const hasHeard = (one: ReturnType<typeof ear>) => one.heard.some(({ agentId }) => agentId === 'probe');
  await waitFor(
    async () => {
      // While Redis is away, the next probe may succeed.
      await store.publishSamples(sampleBatch(0, 'probe')).catch(() => undefined);
      return ears.every(hasHeard);
    },
    { what: 'the feeds hear' },
  );
}

/** Returns the batches without the probes. */
export function real(batches: readonly SampleBatch[]): readonly SampleBatch[] {
  return batches.filter(({ agentId }) => agentId !== 'probe');
}

/** The store's duties for samples. */
export function sampleContract(test: StoreUnderTest): void {
  describe('samples', () => {
    it('reach every feed, whole and in order', async () => {
      const { store } = test;
      const ears = [ear(store.openSampleFeed()), ear(store.openSampleFeed())];
      await untilHeard(store, ...ears);
      const batches = [1, 2.5, 3].map((value) => sampleBatch(value));
      for (const batch of batches) await store.publishSamples(batch);
      for (const { heard } of ears) {
        await waitFor(() => real(heard).length >= 3, { what: 'the batches are heard' });
        expect(real(heard)).toEqual(batches);
      }
    });

    it('do not change the cell or its log', async () => {
      const { store } = test;
      applied(await store.commit(request([cluster('a')])));
      await untilHeard(store, ear(store.openSampleFeed()));
      const entries = await readAll(store.openLogReader());
      expect(entries.map(({ revision }) => revision)).toEqual([1]);
    });

    it('without a listener are lost', async () => {
      const { store } = test;
      await store.publishSamples(sampleBatch(1));
      const late = ear(store.openSampleFeed());
      await untilHeard(store, late);
      expect(real(late.heard)).toEqual([]);
    });

    it('do not reach a closed feed, and its subscribers complete', async () => {
      const { store } = test;
      const feed = store.openSampleFeed();
      const [closed, open] = [ear(feed), ear(store.openSampleFeed())];
      await untilHeard(store, closed, open);
      await feed.close();
      expect(closed.isOver).toBe(true);
      await store.publishSamples(sampleBatch(1));
      await waitFor(() => real(open.heard).length > 0, { what: 'the batch is heard' });
      expect(real(closed.heard)).toEqual([]);
    });

    it('end with the store', async () => {
      const { store } = test;
      const open = ear(store.openSampleFeed());
      await store.close();
      expect(open.isOver).toBe(true);
      await expect(store.publishSamples(sampleBatch(1))).rejects.toMatchObject({ code: 'unavailable' });
    });
  });
}
