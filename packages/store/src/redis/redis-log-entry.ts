import type { LogEntry, StoredEntity } from '../contract/store.js';
import { unpackWrites } from '../wire/packed-writes.js';
import { SharedCopies } from '../wire/shared-copies.js';
import type { RedisConnection } from './connection/redis-connection.js';
import { pairs, readStreams, type StreamEntry, type StreamReadOptions } from './redis-stream.js';

const noWrites = Buffer.alloc(0);

/** An entry as it came. A class, and no object with a getter of its own: for each of those V8 keeps a shape, and what it holds. */
export class ReadEntry implements LogEntry {
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

/** Entries of the log with this key that follow a revision. */
export async function readEntries(
  connection: RedisConnection,
  { key, afterRevision }: { readonly key: string; readonly afterRevision: number },
  options: StreamReadOptions,
): Promise<readonly ReadEntry[]> {
  const streams = await readStreams(connection, [{ key, afterId: `${afterRevision}-0` }], options);
  return (streams.get(key) ?? []).map((entry) => new ReadEntry(entry));
}

const copies = new SharedCopies();

/** A copy: the client's buffers are parts of what came over the network, which they would keep in memory as a whole. */
export function ownBytes(part: Uint8Array): Uint8Array {
  return copies.of(part);
}
