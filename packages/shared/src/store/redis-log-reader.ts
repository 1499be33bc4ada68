import type { CellKeys } from './keys.js';
import { entriesPerRead } from './limits.js';
import { unpackWrites } from './packed-writes.js';
import type { RedisConnection } from './redis-connection.js';
import { pairs, readLimit, readStreams, type StreamEntry } from './redis-stream.js';
import { SharedCopies } from './shared-copies.js';
import type { LogEntry, LogHead, LogRead, LogReader, StoredEntity } from './store.js';

/** How many entities one step of a scan asks for. */
const entitiesPerBatch = 500;
/** The revision before the record's bytes. */
const revisionBytes = 8;
const noWrites = Buffer.alloc(0);

/** An entry as it came. A class, and no object with a getter of its own: for each of those V8 keeps a shape, and what it holds. */
class ReadEntry implements LogEntry {
  readonly revision: number;
  readonly commitId: string;
  /** The commit before it, by which a reader recognises the log that it has read. */
  readonly previousCommitId: string;
  readonly actor: string;
  readonly atMs: number;
  readonly packed: Buffer;
  #writes: readonly StoredEntity[] | undefined;

  constructor({ id, fields }: StreamEntry) {
    const values = new Map(pairs(fields));
    const of = (name: string) => values.get(name)?.toString() ?? '';
    this.revision = Number(id.split('-')[0]);
    this.commitId = of('commit');
    this.previousCommitId = of('previous');
    this.actor = of('actor');
    this.atMs = Number(of('at'));
    this.packed = values.get('writes') ?? noWrites;
  }

  /** Unpacked for those who look: who made the commit knows what it wrote. */
  get writes(): readonly StoredEntity[] {
    this.#writes ??= unpackWrites(this.packed, ownBytes).map(({ field, bytes }) => {
      return { field, revision: this.revision, bytes };
    });
    return this.#writes;
  }
}

/**
 * Reads the change log over a connection of its own. Each entry names the commit before it, so that entries prove by
 * themselves that they follow what was read before. Only where none come, or the connection is new, the head is asked.
 */
export class RedisLogReader implements LogReader {
  readonly #connection: RedisConnection;
  readonly #keys: CellKeys;
  readonly #onClose: () => void;
  #checkedGeneration = -1;

  constructor(connection: RedisConnection, keys: CellKeys, onClose: () => void) {
    this.#connection = connection;
    this.#keys = keys;
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
    return entries.length > 0 ? checkEntries(entries, after) : this.#checkSilence(after);
  }

  async close(): Promise<void> {
    this.#connection.close();
    this.#onClose();
  }

  async #readEntries(after: LogHead, blockMs: number): Promise<readonly ReadEntry[]> {
    const key = this.#keys.log;
    const place = { key, afterId: `${after.revision}-0` };
    const streams = await readStreams(this.#connection, [place], { limit: entriesPerRead, blockMs });
    return (streams.get(key) ?? []).map((entry) => new ReadEntry(entry));
  }

  /** Nothing came: because nothing happened, or because this is no longer the log that it was. */
  async #checkSilence(after: LogHead): Promise<LogRead> {
    const head = await this.head();
    if (isDiverged(head, after)) return { ok: false, reason: 'diverged' };
    if (head.revision === after.revision) return { ok: true, entries: [] };
    const entries = await this.#readEntries(after, 0);
    return entries.length > 0 ? checkEntries(entries, after) : { ok: false, reason: 'trimmed' };
  }
}

function isDiverged(head: LogHead, after: LogHead): boolean {
  return (
    head.revision < after.revision || (head.revision === after.revision && head.commitId !== after.commitId)
  );
}

function checkEntries(entries: readonly ReadEntry[], after: LogHead): LogRead {
  let { revision, commitId } = after;
  for (const entry of entries) {
    if (entry.revision !== revision + 1) return { ok: false, reason: 'trimmed' };
    if (entry.previousCommitId !== commitId) return { ok: false, reason: 'diverged' };
    ({ revision, commitId } = entry);
  }
  return { ok: true, entries };
}

function storedEntity(field: string, value: Buffer): StoredEntity {
  const revision = Number(value.readBigUInt64BE(0));
  return { field, revision, bytes: ownBytes(value.subarray(revisionBytes)) };
}

const copies = new SharedCopies();

/** A copy: the client's buffers are parts of what came over the network, which they would keep in memory as a whole. */
function ownBytes(part: Uint8Array): Uint8Array {
  return copies.of(part);
}
