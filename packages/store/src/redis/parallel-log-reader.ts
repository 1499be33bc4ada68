/*
 * Reads a backlog of the log over several connections at once.
 *
 * Problem: in each turn of its loop Redis hands one connection 64 kB at most (NET_MAX_WRITES_PER_EVENT in its
 * `server.h`), and executes the commands of all other clients in between. In a busy cell these are up to 32
 * commits of 12 kB, and five of them fit. Over one connection a reader fell ever further behind, and waited
 * for six turns after each stall.
 * Figure: to ten subscribers a gateway then delivered 648,000 events/s (berth.v1) and 638,000 (ObserveJobs).
 * The figure before was not recorded.
 * Benchmark: `npm run bench -- observe`.
 * Off: `BERTH_STORE_TUNING=off` reads over one connection.
 */
import type { RedisConnection } from './connection/redis-connection.js';
import { type LazyEntry, readEntries } from './redis-log-entry.js';

const connectionCount = 10;

/** The entries that one connection returns: about 64 kB of large commits. */
export const entriesPerConnection = 5;

/**
 * Asks each connection for entries of its own. Revisions are consecutive, so the start of each part is known.
 */
export class ParallelLogReader {
  static readonly entriesPerRead = connectionCount * entriesPerConnection;
  readonly #connect: () => RedisConnection;
  readonly #key: string;
  #connections: readonly RedisConnection[] = [];

  constructor(connect: () => RedisConnection, key: string) {
    this.#connect = connect;
    this.#key = key;
  }

  /**
   * Returns the entries after the revision, up to the first gap. It waits for none. The first call connects.
   */
  async read(afterRevision: number): Promise<readonly LazyEntry[]> {
    if (this.#connections.length === 0)
      this.#connections = Array.from({ length: connectionCount }, () => this.#connect());
    const parts = await Promise.all(
      this.#connections.map((connection, index) => {
        const position = { key: this.#key, afterRevision: afterRevision + index * entriesPerConnection };
        return readEntries(connection, position, { limit: entriesPerConnection, blockMs: 0 });
      }),
    );
    // A connection may have answered before an entry came, and a later one after it. Then the entries between
    // are missing.
    const short = parts.findIndex(({ length }) => length < entriesPerConnection);
    return parts.slice(0, short < 0 ? parts.length : short + 1).flat();
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}
