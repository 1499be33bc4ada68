import { MemoryStore } from '@berth/store/memory';
import { describe } from 'vitest';
import { storeContract } from './store-contract.js';

describe('the memory store', () => {
  storeContract(async () => new MemoryStore());
});

describe('the memory store with the tuning off', () => {
  storeContract(async () => new MemoryStore({ tuning: 'off' }));
});
