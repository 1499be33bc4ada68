import { entriesPerLane, followerLanes } from '../contract/limits.js';
import type { RedisConnection } from './connection/redis-connection.js';
import { type ReadEntry, readEntries } from './redis-log-entry.js';

/**
 * Reads what has piled up in the log over several connections at once, each of which asks for entries of its own: revisions
 * follow one another, so that it is known where each has to begin. Why one would not do, {@link followerLanes} says.
 */
export class RedisLogLanes {
  static readonly entriesPerRead = followerLanes * entriesPerLane;
  readonly #connect: () => RedisConnection;
  readonly #key: string;
  #connections: readonly RedisConnection[] = [];

  constructor(connect: () => RedisConnection, key: string) {
    this.#connect = connect;
    this.#key = key;
  }

  /** The entries that follow the revision, as far as they come without a gap. Waits for none. The first call connects. */
  async read(afterRevision: number): Promise<readonly ReadEntry[]> {
    if (this.#connections.length === 0)
      this.#connections = Array.from({ length: followerLanes }, () => this.#connect());
    const parts = await Promise.all(
      this.#connections.map((connection, lane) => {
        const place = { key: this.#key, afterRevision: afterRevision + lane * entriesPerLane };
        return readEntries(connection, place, { limit: entriesPerLane, blockMs: 0 });
      }),
    );
    // What a lane was too early for, a later one may have been late enough to pass by.
    const short = parts.findIndex(({ length }) => length < entriesPerLane);
    return parts.slice(0, short < 0 ? parts.length : short + 1).flat();
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}
