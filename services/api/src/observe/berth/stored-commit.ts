import type { AnyChange, CommitChanges } from '@berth/shared/model/cell/change';
import type { StoredEntity } from '@berth/store';
import { fieldOf, type PackedWrite, packWrites, unpackWrites } from '@berth/store/wire';
import type { KeptBytes, RecycledMemory } from '../../tuning/segment-pool.js';
import { type CommitMark, isNews } from './core/cell-changes.js';

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
  readonly #packed: KeptBytes;

  constructor(commit: CommitChanges, memory: RecycledMemory) {
    this.revision = commit.revision;
    this.commitId = commit.commitId;
    this.atMs = commit.atMs;
    this.#packed = memory.keep(packedNews(commit));
  }

  /** Roughly what it keeps in memory. */
  get byteLength(): number {
    return this.#packed.length + overheadBytes;
  }

  /** What was told: each record as it was stored, empty where the entity was removed. A copy, made each time that it is asked for. */
  get writes(): readonly StoredEntity[] {
    const { revision } = this;
    return unpackWrites(this.#packed.copy()).map(({ field, bytes }) => ({ field, bytes, revision }));
  }

  /** It is no longer kept. `memory` is the one that it was given. */
  forget(memory: RecycledMemory): void {
    memory.giveUp(this.#packed);
  }
}

/** Most commits are news as a whole, and come packed. */
function packedNews({ changes, packed }: CommitChanges): Uint8Array {
  const news = changes.filter(isNews);
  return packed !== undefined && news.length === changes.length ? packed : packWrites(news.map(writeOf));
}

const removed = new Uint8Array(0);

function writeOf({ kind, id, after }: AnyChange): PackedWrite {
  return { field: fieldOf(kind, id), bytes: after?.bytes ?? removed };
}
