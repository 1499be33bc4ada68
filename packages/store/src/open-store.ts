import type { CellStore } from './contract/cell-store.js';
import { RedisStore, type RedisStoreOptions } from './redis/redis-store.js';

/** The options of a store. */
export type StoreOptions = RedisStoreOptions;

type OpenStore = (options: StoreOptions) => Promise<CellStore>;

const openRedis: OpenStore = (options) => RedisStore.connect(options);

/** The kinds of store by the scheme of their address. */
const kinds: Readonly<Record<string, OpenStore>> = {
  redis: openRedis,
  rediss: openRedis,
  unix: openRedis,
  'redis+sentinel': openRedis,
};

/**
 * Opens the store of a cell at an address such as `redis://HOST:PORT`, and waits until it answers or the
 * signal aborts. Rejects with BerthError `invalidArgument` for a bad address or cell, with
 * `failedPrecondition` for a store that is too old or refuses access.
 */
export async function openStore(options: StoreOptions): Promise<CellStore> {
  const [scheme = ''] = options.url.split(':');
  // The Redis store has the message for an address of no kind.
  return (kinds[scheme] ?? openRedis)(options);
}
