import type { AnyChange, CommitChanges } from '@berth/shared/model/cell/change';
import type { LogEntry } from '../contract/log.js';

/**
 * A commit that a replica has applied. It remembers the stored form of its changes, for this package only.
 */
export class AppliedCommit implements CommitChanges {
  readonly revision: number;
  readonly commitId: string;
  readonly atMs: number;
  readonly actor: string;
  readonly changes: readonly AnyChange[];
  readonly #packed: Uint8Array | undefined;

  /** `packed` is given only if it holds exactly these changes. */
  constructor(
    { revision, commitId, atMs, actor }: Omit<LogEntry, 'writes'>,
    changes: readonly AnyChange[],
    packed?: Uint8Array,
  ) {
    this.revision = revision;
    this.commitId = commitId;
    this.atMs = atMs;
    this.actor = actor;
    this.changes = changes;
    this.#packed = packed;
  }

  /**
   * The changes as the log holds them (see `packed-writes.ts`), if they are at hand in that form. They are a
   * part of what came over the network: a caller that keeps them copies them.
   */
  static packedOf(commit: CommitChanges): Uint8Array | undefined {
    return #packed in commit ? commit.#packed : undefined;
  }
}
