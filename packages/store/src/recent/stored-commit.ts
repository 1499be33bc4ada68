import type { AnyChange, CommitChanges } from '@berth/shared/model/cell/change';
import type { Tuning } from '../contract/tuning.js';
import { AppliedCommit } from '../replica/applied-commit.js';
import { fieldOf } from '../wire/codec.js';
import { type PackedWrite, packWrites, unpackWrites } from '../wire/packed-writes.js';
import type { PooledBytes, SegmentPool } from '../wire/segment-pool.js';
import { changesIn, type StoredChange } from './stored-change.js';

/** The approximate cost of a commit beside its records. */
const overheadBytes = 256;

/** The means that all commits of a process share. */
export interface StoredCommitOptions {
  /** True for the changes that are kept. */
  readonly isRelevant: (change: AnyChange) => boolean;
  readonly pool: SegmentPool;
  readonly tuning: Tuning;
}

/**
 * A commit that is kept for observers that come back: its relevant changes in their stored form, as one piece
 * of pooled memory. Thousands of decoded commits would be moved by the garbage collector again and again, and
 * each move would stop all streams.
 */
export class StoredCommit {
  readonly revision: number;
  readonly commitId: string;
  readonly atMs: number;
  readonly #packed: PooledBytes;
  readonly #tuning: Tuning;

  constructor(commit: CommitChanges, { isRelevant, pool, tuning }: StoredCommitOptions) {
    this.revision = commit.revision;
    this.commitId = commit.commitId;
    this.atMs = commit.atMs;
    this.#packed = pool.keep(packRelevant(commit, isRelevant));
    this.#tuning = tuning;
  }

  /** The approximate size in memory. */
  get byteLength(): number {
    return this.#packed.length + overheadBytes;
  }

  /** The relevant changes. Each call makes a new copy. */
  get changes(): readonly StoredChange[] {
    return changesIn({ revision: this.revision, writes: unpackWrites(this.#packed.copy()) }, this.#tuning);
  }

  /** Gives the memory back. `pool` is the one that the constructor got. */
  release(pool: SegmentPool): void {
    pool.release(this.#packed);
  }
}

/** All changes of most commits are relevant, and most commits come packed: these are taken over unchanged. */
function packRelevant(commit: CommitChanges, isRelevant: (change: AnyChange) => boolean): Uint8Array {
  const relevant = commit.changes.filter(isRelevant);
  const packed = AppliedCommit.packedOf(commit);
  return packed !== undefined && relevant.length === commit.changes.length
    ? packed
    : packWrites(relevant.map(writeOf));
}

const removed = new Uint8Array(0);

function writeOf({ kind, id, after }: AnyChange): PackedWrite {
  return { field: fieldOf(kind, id), bytes: after?.bytes ?? removed };
}
