import type { EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import type { ArchiveWrite } from './archive.js';
import type { AssignmentWrite } from './assignments.js';
import type { Claim, Release } from './claims.js';
import type { LogHead } from './log.js';

/** A write to one entity. Without a record it removes the entity. */
export type Write = {
  [K in EntityKind]: {
    readonly kind: K;
    readonly id: string;
    readonly record?: EntityRecords[K];
    /**
     * The commit fails with a conflict unless the entity is at this revision; 0: unless it does not exist.
     */
    readonly expectedRevision?: number;
  };
}[EntityKind];

/** A precondition on an entity that the commit does not write. */
interface Expectation {
  readonly kind: EntityKind;
  readonly id: string;
  /** 0: the entity does not exist. */
  readonly revision: number;
}

/**
 * One atomic change of the cell: all of it happens, or nothing. It has at most {@link maxWritesPerCommit}
 * writes.
 */
export interface CommitRequest {
  /** The author: a caller's id, `master`, or `agent/ID`. */
  readonly actor: string;
  readonly writes: readonly Write[];
  /**
   * The commit fails with a conflict unless these entities are at these revisions. It must not write any of
   * them.
   */
  readonly expects?: readonly Expectation[];
  /**
   * The head of the log that the decision was made on. The commit is refused as `diverged` unless the log
   * leads on from it: after a failover to a replica of the store that lagged, or a restore, no decision of
   * the lost history is applied. A head that is trimmed away counts as unknown, and is refused too.
   */
  readonly basis?: LogHead;
  /** The leader's epoch: the store refuses a commit of an earlier epoch (fencing). Masters always give it. */
  readonly epoch?: number;
  /**
   * A repeated request with the same id applies once, for some minutes. The store makes one up if it is
   * absent.
   */
  readonly commitId?: string;
  readonly assignments?: readonly AssignmentWrite[];
  readonly claims?: readonly Claim[];
  /** Names must differ, also from those of `claims`. */
  readonly releaseClaims?: readonly Release[];
  readonly archive?: readonly ArchiveWrite[];
  /**
   * Acknowledges the batches of reports up to and including this stream id: this commit holds their effect.
   */
  readonly ackReportsThrough?: string;
}

/** More writes in one commit would delay the store's other clients too long. */
export const maxWritesPerCommit = 2000;

export type CommitResult =
  | { readonly ok: true; readonly revision: number; readonly atMs: number }
  | {
      readonly ok: false;
      readonly reason: 'conflict';
      readonly kind: EntityKind;
      readonly id: string;
      readonly actualRevision: number;
    }
  | { readonly ok: false; readonly reason: 'fenced'; readonly epoch: number }
  | { readonly ok: false; readonly reason: 'claimed'; readonly name: string; readonly owner: string }
  /** `head` is the end of the log that the store has. */
  | { readonly ok: false; readonly reason: 'diverged'; readonly head: LogHead };

/** Writes to the cell. */
export interface Committer {
  /**
   * Applies the request atomically and durably. A retry after a lost reply does not apply it twice. Fails
   * with BerthError `unavailable` if the store does not answer within the commit's time limit. The outcome is
   * then unknown, and a request with the same `commitId` asks for it again.
   */
  commit(request: CommitRequest): Promise<CommitResult>;
}
