import type { CellStore } from '@berth/store';
import { afterEach, beforeEach, describe } from 'vitest';
import { agentContract } from './store-agent-contract.js';
import { commitContract } from './store-commit-contract.js';
import { leaseContract } from './store-lease-contract.js';
import { logContract } from './store-log-contract.js';
import { observerContract } from './store-observer-contract.js';
import { sampleContract } from './store-sample-contract.js';

/** The store that the running test uses: an empty cell for each test. */
export interface StoreUnderTest {
  readonly store: CellStore;
}

/** The duties of every implementation of {@link CellStore}. `open` makes a store on an empty cell. */
export function storeContract(open: () => Promise<CellStore>): void {
  describe('the contract of a cell store', () => {
    let store: CellStore | undefined;
    const underTest: StoreUnderTest = {
      get store() {
        if (store === undefined) throw new Error('no test is running');
        return store;
      },
    };

    beforeEach(async () => {
      store = await open();
    });
    afterEach(async () => {
      await store?.close();
      store = undefined;
    });

    commitContract(underTest);
    logContract(underTest);
    agentContract(underTest);
    leaseContract(underTest);
    sampleContract(underTest);
    observerContract(underTest);
  });
}
