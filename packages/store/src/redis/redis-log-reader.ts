import { entriesPerRead } from '../contract/limits.js';
import type { LogHead, LogRead, LogReader, StoredEntity } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
import { copier } from '../wire/slab-copies.js';
import type { RedisConnection } from './connection/redis-connection.js';
import type { CellKeys } from './keys.js';
import { entriesPerConnection, ParallelLogReader } from './parallel-log-reader.js';
import { type LazyEntry, plainEntry, readEntries } from './redis-log-entry.js';
import { pairs, readLimit, type StreamReadOptions } from './redis-stream.js';

/** One step of a scan asks for this many entities. */
const entitiesPerBatch = 500;
/** The size of the revision before the record's bytes. */
const revisionBytes = 8;

interface RedisLogReaderOptions {
  readonly connect: () => RedisConnection;
  readonly keys: CellKeys;
  /** True for a reader that may read a backlog over more connections, which then stay open. */
  readonly follows: boolean;
  readonly tuning: Tuning;
  readonly onClose: () => void;
}

/**
 * Reads the change log over connections of its own. Each entry names the commit before it, so entries
 * themselves prove that they continue the log that was read before. The reader asks for the head only if no
 * entry comes, or on a new connection.
 */
export class RedisLogReader implements LogReader {
  readonly #connection: RedisConnection;
  readonly #keys: CellKeys;
  readonly #parallel: ParallelLogReader | undefined;
  readonly #tuning: Tuning;
  readonly #copy: (part: Uint8Array) => Uint8Array;
  readonly #onClose: () => void;
  #checkedGeneration = -1;
  /** True if there is probably more than one connection returns at once. */
  #hasMore = false;

  constructor({ connect, keys, follows, tuning, onClose }: RedisLogReaderOptions) {
    this.#connection = connect();
    this.#keys = keys;
    this.#tuning = tuning;
    this.#copy = copier(tuning);
    this.#parallel = follows && tuning === 'on' ? new ParallelLogReader(connect, keys.log) : undefined;
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
      const batch = [...pairs(fields)].map(([field, value]) => this.#storedEntity(field, value));
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
    this.#parallel?.close();
    this.#onClose();
  }

  #storedEntity(field: string, value: Buffer): StoredEntity {
    const revision = Number(value.readBigUInt64BE(0));
    return { field, revision, bytes: this.#copy(value.subarray(revisionBytes)) };
  }

  async #readEntries(after: LogHead, blockMs: number): Promise<readonly LazyEntry[]> {
    const parallel = this.#parallel;
    if (parallel === undefined) return this.#readOver(after, { limit: entriesPerRead, blockMs });
    if (this.#hasMore) {
      // After a failure the first connection continues alone.
      this.#hasMore = false;
      const entries = await parallel.read(after.revision);
      this.#hasMore = entries.length > entriesPerConnection;
      if (entries.length > 0) return entries;
    }
    const entries = await this.#readOver(after, { limit: entriesPerConnection, blockMs });
    this.#hasMore = entries.length === entriesPerConnection;
    return entries;
  }

  #readOver({ revision }: LogHead, options: StreamReadOptions): Promise<readonly LazyEntry[]> {
    return readEntries(this.#connection, { key: this.#keys.log, afterRevision: revision }, options);
  }

  /** Finds out why no entry came: there was no commit, or the log was replaced or trimmed. */
  async #checkSilence(after: LogHead): Promise<LogRead> {
    const head = await this.head();
    if (isDiverged(head, after)) return { ok: false, reason: 'diverged' };
    if (head.revision === after.revision) return { ok: true, entries: [], isFull: false };
    const entries = await this.#readEntries(after, 0);
    return entries.length > 0 ? this.#checked(entries, after) : { ok: false, reason: 'trimmed' };
  }

  #checked(entries: readonly LazyEntry[], after: LogHead): LogRead {
    const reason = whyNotNext(entries, after);
    if (reason !== undefined) return { ok: false, reason };
    const most = this.#parallel === undefined ? entriesPerRead : ParallelLogReader.entriesPerRead;
    const isFull = entries.length === most;
    return { ok: true, entries: this.#tuning === 'on' ? entries : entries.map(plainEntry), isFull };
  }
}

function isDiverged(head: LogHead, after: LogHead): boolean {
  return (
    head.revision < after.revision || (head.revision === after.revision && head.commitId !== after.commitId)
  );
}

/** Returns the reason why the entries do not continue the log, or undefined. */
function whyNotNext(entries: readonly LazyEntry[], after: LogHead): 'trimmed' | 'diverged' | undefined {
  let { revision, commitId } = after;
  for (const entry of entries) {
    if (entry.revision !== revision + 1) return 'trimmed';
    if (entry.previousCommitId !== commitId) return 'diverged';
    ({ revision, commitId } = entry);
  }
  return undefined;
}
