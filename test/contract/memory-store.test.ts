import { MemoryStore } from '@berth/shared/store/memory-store';
import { describe } from 'vitest';
import { storeContract } from './store-contract.js';

describe('the memory store', () => {
  storeContract(async () => new MemoryStore());
});
