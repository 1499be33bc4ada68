import type { CellStore } from './contract/cell-store.js';
import { RedisStore, type RedisStoreOptions } from './redis/redis-store.js';

/** The options of a store. Its address chooses its kind; Redis is the only kind that outlives a process. */
export type StoreOptions = RedisStoreOptions;

/**
 * Opens the store of a cell at an address such as `redis://HOST:PORT`, and waits until it answers or the
 * signal aborts. Rejects with BerthError `invalidArgument` for an address or a cell that cannot be,
 * `failedPrecondition` for a store that is too old or refuses access.
 */
export function openStore(options: StoreOptions): Promise<CellStore> {
  return RedisStore.connect(options);
}
