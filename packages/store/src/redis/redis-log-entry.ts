import type { LogEntry, StoredEntity } from '../contract/log.js';
import type { PackedEntry } from '../wire/packed-entry.js';
import { unpackWrites } from '../wire/packed-writes.js';
import { copier } from '../wire/slab-copies.js';
import type { RedisConnection } from './connection/redis-connection.js';
import { pairs, readStreams, type StreamEntry, type StreamReadOptions } from './redis-stream.js';

const noWrites = Buffer.alloc(0);

/** An entry of the log with the id of the commit before it. A reader detects a replaced log by it. */
interface ReadEntry extends LogEntry {
  readonly previousCommitId: string;
}

/**
 * An entry that unpacks its writes when they are first asked for: a process does not ask for those of its own
 * commits. It is a class, because V8 keeps a hidden class, and everything in it, for each object with a
 * getter of its own.
 */
export class LazyEntry implements ReadEntry, PackedEntry {
  readonly revision: number;
  readonly commitId: string;
  readonly previousCommitId: string;
  readonly actor: string;
  readonly atMs: number;
  readonly packed: Buffer;
  #writes: readonly StoredEntity[] | undefined;

  constructor({ id, fields }: StreamEntry) {
    const values = new Map(pairs(fields));
    const text = (name: string) => values.get(name)?.toString() ?? '';
    this.revision = Number(id.split('-')[0]);
    this.commitId = text('commit');
    this.previousCommitId = text('previous');
    this.actor = text('actor');
    this.atMs = Number(text('at'));
    this.packed = values.get('writes') ?? noWrites;
  }

  get writes(): readonly StoredEntity[] {
    this.#writes ??= unpackWrites(this.packed, copyBytes).map(({ field, bytes }) => {
      return { field, revision: this.revision, bytes };
    });
    return this.#writes;
  }
}

/** Reads the entries of the log with this key after a revision. */
export async function readEntries(
  connection: RedisConnection,
  { key, afterRevision }: { readonly key: string; readonly afterRevision: number },
  options: StreamReadOptions,
): Promise<readonly LazyEntry[]> {
  const streams = await readStreams(connection, [{ key, afterId: `${afterRevision}-0` }], options);
  return (streams.get(key) ?? []).map((entry) => new LazyEntry(entry));
}

/** Returns the entry without its packed form, its writes unpacked at once. */
export function plainEntry(entry: LazyEntry): ReadEntry {
  const { revision, commitId, previousCommitId, actor, atMs, packed } = entry;
  const writes = unpackWrites(packed, copier('off')).map((write) => ({ ...write, revision }));
  return { revision, commitId, previousCommitId, actor, atMs, writes };
}

/**
 * Copies bytes: the client's buffers are parts of network buffers, and would keep these in memory as a whole.
 */
const copyBytes = copier('on');
