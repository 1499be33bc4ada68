import type { CellStore } from '../contract/cell-store.js';
import { Replica, type ReplicaOptions } from './replica.js';

/**
 * Starts a replica that follows the store as long as its process lives. The signal ends only the start: later
 * `close()` alone ends the replica, because the last calls and the last round of a process still need it.
 */
export async function startReplica(store: CellStore, options: ReplicaOptions = {}): Promise<Replica> {
  const { signal } = options;
  const starting = new AbortController();
  const abort = () => starting.abort(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  const { tuning = 'on' } = store;
  try {
    const reader = store.openLogReader({ follows: true });
    return await Replica.start(reader, { tuning, ...options, signal: starting.signal });
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
