import type { AnyChange, CommitChanges } from '@berth/shared/model/change';
import { fieldOf } from '@berth/shared/store/codec';
import { type PackedWrite, packWrites, unpackWrites } from '@berth/shared/store/packed-writes';
import type { StoredEntity } from '@berth/shared/store/store';
import { type CommitMark, isNews } from '../core/cell-news.js';

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
    this.#packed = packWrites(changes.filter(isNews).map(writeOf));
  }

  /** Roughly what it keeps in memory. */
  get byteLength(): number {
    return this.#packed.length + overheadBytes;
  }

  /** What was told: each record as it was stored, empty where the entity was removed. Not copied. */
  get writes(): readonly StoredEntity[] {
    const { revision } = this;
    return Array.from(unpackWrites(this.#packed), (write) => ({ ...write, revision }));
  }
}

const removed = new Uint8Array(0);

function writeOf({ kind, id, after }: AnyChange): PackedWrite {
  return { field: fieldOf(kind, id), bytes: after?.bytes ?? removed };
}
