import type { CommitResult } from '../contract/store.js';
import type { PreparedCommit } from './prepared-commit.js';

/** What a commit's preconditions are checked against. */
export interface CommitState {
  readonly epoch: number;
  /** The entity's revision; 0 where there is none. */
  revisionOf(field: string): number;
  /** Who holds the claim; undefined where nobody does. */
  ownerOf(claim: string): string | undefined;
}

export type CommitRefusal = Extract<CommitResult, { readonly ok: false }>;

/**
 * Why the commit must not be applied; undefined where it may. In the order in which the `commit` script checks: a leader
 * that was fenced off learns that first.
 */
export function refuseCommit(state: CommitState, commit: PreparedCommit): CommitRefusal | undefined {
  if (commit.epoch !== undefined && commit.epoch !== state.epoch) {
    return { ok: false, reason: 'fenced', epoch: state.epoch };
  }
  for (const { kind, id, field, expectedRevision } of [...commit.writes, ...commit.expects]) {
    if (expectedRevision === undefined) continue;
    const actualRevision = state.revisionOf(field);
    if (actualRevision !== expectedRevision)
      return { ok: false, reason: 'conflict', kind, id, actualRevision };
  }
  for (const { name, owner, takenFrom } of commit.claims) {
    const holder = state.ownerOf(name);
    if (holder !== undefined && holder !== owner && holder !== takenFrom)
      return { ok: false, reason: 'claimed', name, owner: holder };
  }
  return undefined;
}
