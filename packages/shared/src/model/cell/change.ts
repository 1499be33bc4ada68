import type { Entity, EntityKind } from './entity.js';

/** The effect of a commit on one entity: created (no `before`), changed, or removed (no `after`). */
export interface Change<K extends EntityKind = EntityKind> {
  readonly kind: K;
  readonly id: string;
  readonly before?: Entity<K> | undefined;
  readonly after?: Entity<K> | undefined;
}

/** A {@link Change} of any kind, distinguished by `kind`. */
export type AnyChange = { [K in EntityKind]: Change<K> }[EntityKind];

/** One entry of the change log, applied. Revisions are consecutive integers. */
export interface CommitChanges {
  readonly revision: number;
  readonly commitId: string;
  /** The store's clock at the commit. */
  readonly atMs: number;
  /** The author of the commit: a caller's id, `master`, or `agent/ID`. */
  readonly actor: string;
  readonly changes: readonly AnyChange[];
}
