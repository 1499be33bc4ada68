import type { CommitResult } from '../contract/commit.js';
import type { LogHead } from '../contract/log.js';
import type { PreparedCommit } from './prepared-commit.js';

/** The state that the preconditions of a commit are about. */
export interface CommitState {
  readonly epoch: number;
  readonly head: LogHead;
  /** True if the log is known to lead on from this point. */
  leadsOnFrom(point: LogHead): boolean;
  /** Returns the entity's revision; 0 if it does not exist. */
  revisionOf(field: string): number;
  /** Returns the owner of the claim, or undefined. */
  ownerOf(claim: string): string | undefined;
}

type CommitRefusal = Extract<CommitResult, { readonly ok: false }>;

/**
 * Returns the reason why the commit must not be applied, or undefined. The order of the checks is that of
 * Redis's commit script: a leader that was replaced learns of the fencing first.
 */
export function refuseCommit(state: CommitState, commit: PreparedCommit): CommitRefusal | undefined {
  if (commit.epoch !== undefined && commit.epoch !== state.epoch) {
    return { ok: false, reason: 'fenced', epoch: state.epoch };
  }
  if (commit.basis !== undefined && !state.leadsOnFrom(commit.basis)) {
    return { ok: false, reason: 'diverged', head: state.head };
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
