import type { AnyChange, CommitChanges } from '@berth/shared/model/change';
import { fieldOf } from '@berth/shared/store/codec';
import type { StoredEntity } from '@berth/shared/store/store';
import { type CommitMark, isNews } from '../core/cell-news.js';

/** Before a name and before a record stands how long it is. */
const lengthBytes = 4;
/** What a commit costs beside its records, roughly. */
const overheadBytes = 256;

/**
 * A commit that is kept for those who come back: what it told of, as stored, in one piece of memory. Thousands of commits that
 * were kept as they came, decoded, would be moved by the collector of garbage again and again, and stop all streams meanwhile.
 */
export class KeptCommit implements CommitMark {
  readonly revision: number;
  readonly commitId: string;
  readonly atMs: number;
  readonly #packed: Buffer;

  constructor({ revision, commitId, atMs, changes }: CommitChanges) {
    this.revision = revision;
    this.commitId = commitId;
    this.atMs = atMs;
    this.#packed = pack(changes.filter(isNews));
  }

  /** Roughly what it keeps in memory. */
  get byteLength(): number {
    return this.#packed.length + overheadBytes;
  }

  /** What was told: each record as it was stored, empty where the entity was removed. Not copied. */
  get writes(): readonly StoredEntity[] {
    const { revision } = this;
    const writes: StoredEntity[] = [];
    for (let at = 0; at < this.#packed.length; ) {
      const name = this.#part(at);
      const bytes = this.#part(at + lengthBytes + name.length);
      writes.push({ field: name.toString(), revision, bytes });
      at += 2 * lengthBytes + name.length + bytes.length;
    }
    return writes;
  }

  #part(at: number): Buffer {
    const from = at + lengthBytes;
    return this.#packed.subarray(from, from + this.#packed.readUInt32LE(at));
  }
}

function pack(changes: readonly AnyChange[]): Buffer {
  const names = changes.map(({ kind, id }) => fieldOf(kind, id));
  let size = 0;
  changes.forEach(({ after }, index) => {
    size += 2 * lengthBytes + Buffer.byteLength(names[index] ?? '') + (after?.bytes.length ?? 0);
  });
  // Not out of the pool, whose pieces live as long as the longest lived of those that share them.
  const packed = Buffer.allocUnsafeSlow(size);
  let at = 0;
  changes.forEach(({ after }, index) => {
    const written = packed.write(names[index] ?? '', at + lengthBytes);
    at = packed.writeUInt32LE(written, at) + written;
    at = packed.writeUInt32LE(after?.bytes.length ?? 0, at);
    if (after === undefined) return;
    packed.set(after.bytes, at);
    at += after.bytes.length;
  });
  return packed;
}
