import { entriesPerLane, entriesPerRead } from '../contract/limits.js';
import type { LogHead, LogRead, LogReader, StoredEntity } from '../contract/store.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { CellKeys } from './keys.js';
import { ownBytes, type ReadEntry, readEntries } from './redis-log-entry.js';
import { RedisLogLanes } from './redis-log-lanes.js';
import { pairs, readLimit, type StreamReadOptions } from './redis-stream.js';

/** How many entities one step of a scan asks for. */
const entitiesPerBatch = 500;
/** The revision before the record's bytes. */
const revisionBytes = 8;

export interface RedisLogReaderOptions {
  readonly connect: () => RedisConnection;
  readonly keys: CellKeys;
  /** Whether to read what has piled up over more connections; these stay open. */
  readonly follows: boolean;
  readonly onClose: () => void;
}

/**
 * Reads the change log over connections of its own. Each entry names the commit before it, so that entries prove by
 * themselves that they follow what was read before. Only where none come, or the connection is new, the head is asked.
 */
export class RedisLogReader implements LogReader {
  readonly #connection: RedisConnection;
  readonly #keys: CellKeys;
  readonly #lanes: RedisLogLanes | undefined;
  readonly #onClose: () => void;
  #checkedGeneration = -1;
  /** Whether more is to be expected than one connection brings at once. */
  #hasMore = false;

  constructor({ connect, keys, follows, onClose }: RedisLogReaderOptions) {
    this.#connection = connect();
    this.#keys = keys;
    this.#lanes = follows ? new RedisLogLanes(connect, keys.log) : undefined;
    this.#onClose = onClose;
  }

  async head(): Promise<LogHead> {
    const [revision, commitId] = await this.#connection.call(
      (redis) => redis.hmget(this.#keys.head, 'revision', 'commitId'),
      readLimit(0),
    );
    return { revision: Number(revision ?? 0), commitId: commitId ?? '' };
  }

  async *scan(): AsyncIterable<readonly StoredEntity[]> {
    let cursor = '0';
    do {
      const at = cursor;
      const [next, fields] = await this.#connection.call(
        (redis) => redis.hscanBuffer(this.#keys.entities, at, 'COUNT', entitiesPerBatch),
        readLimit(0),
      );
      cursor = next.toString();
      const batch = [...pairs(fields)].map(([field, value]) => storedEntity(field, value));
      if (batch.length > 0) yield batch;
    } while (cursor !== '0');
  }

  async readLog(after: LogHead, blockMs: number): Promise<LogRead> {
    const isNewConnection = this.#connection.generation !== this.#checkedGeneration;
    if (isNewConnection) {
      const head = await this.head();
      if (isDiverged(head, after)) return { ok: false, reason: 'diverged' };
      this.#checkedGeneration = this.#connection.generation;
    }
    const entries = await this.#readEntries(after, blockMs);
    return entries.length > 0 ? this.#checked(entries, after) : this.#checkSilence(after);
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#lanes?.close();
    this.#onClose();
  }

  async #readEntries(after: LogHead, blockMs: number): Promise<readonly ReadEntry[]> {
    const lanes = this.#lanes;
    if (lanes === undefined) return this.#readOver(after, { limit: entriesPerRead, blockMs });
    if (this.#hasMore) {
      // Where a lane fails, the first connection goes on alone.
      this.#hasMore = false;
      const entries = await lanes.read(after.revision);
      this.#hasMore = entries.length > entriesPerLane;
      if (entries.length > 0) return entries;
    }
    const entries = await this.#readOver(after, { limit: entriesPerLane, blockMs });
    this.#hasMore = entries.length === entriesPerLane;
    return entries;
  }

  #readOver({ revision }: LogHead, options: StreamReadOptions): Promise<readonly ReadEntry[]> {
    return readEntries(this.#connection, { key: this.#keys.log, afterRevision: revision }, options);
  }

  /** Nothing came: because nothing happened, or because this is no longer the log that it was. */
  async #checkSilence(after: LogHead): Promise<LogRead> {
    const head = await this.head();
    if (isDiverged(head, after)) return { ok: false, reason: 'diverged' };
    if (head.revision === after.revision) return { ok: true, entries: [], isFull: false };
    const entries = await this.#readEntries(after, 0);
    return entries.length > 0 ? this.#checked(entries, after) : { ok: false, reason: 'trimmed' };
  }

  #checked(entries: readonly ReadEntry[], after: LogHead): LogRead {
    const reason = whyNotNext(entries, after);
    if (reason !== undefined) return { ok: false, reason };
    const most = this.#lanes === undefined ? entriesPerRead : RedisLogLanes.entriesPerRead;
    return { ok: true, entries, isFull: entries.length === most };
  }
}

function isDiverged(head: LogHead, after: LogHead): boolean {
  return (
    head.revision < after.revision || (head.revision === after.revision && head.commitId !== after.commitId)
  );
}

/** Why the entries are not those that follow; undefined where they are. */
function whyNotNext(entries: readonly ReadEntry[], after: LogHead): 'trimmed' | 'diverged' | undefined {
  let { revision, commitId } = after;
  for (const entry of entries) {
    if (entry.revision !== revision + 1) return 'trimmed';
    if (entry.previousCommitId !== commitId) return 'diverged';
    ({ revision, commitId } = entry);
  }
  return undefined;
}

function storedEntity(field: string, value: Buffer): StoredEntity {
  const revision = Number(value.readBigUInt64BE(0));
  return { field, revision, bytes: ownBytes(value.subarray(revisionBytes)) };
}
