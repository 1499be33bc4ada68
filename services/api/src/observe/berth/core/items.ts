/** What goes through one subscriber's queue: news, and marks that must not overtake them. */

import type { BatchConflation } from '../../stream/core/conflation.js';
import type { CommitHeader, EntityChange } from './cell-changes.js';
import type { ChangedCount } from './task-counts.js';

/** Everything up to this commit has been told. */
export interface Bookmark {
  readonly kind: 'bookmark';
  readonly commit: CommitHeader;
}

/** The answer to a subscriber's checkpoint. */
export interface Checkpoint {
  readonly kind: 'checkpoint';
  readonly id: string;
  readonly commit: CommitHeader;
}

/** A number of tasks has changed. */
export interface CountChange extends ChangedCount {
  readonly kind: 'count';
  readonly commit: CommitHeader;
  readonly isOutOfOrder?: boolean;
}

export type Item = EntityChange | CountChange | Bookmark | Checkpoint;

export function isMarker(item: Item): item is Bookmark | Checkpoint {
  return item.kind === 'bookmark' || item.kind === 'checkpoint';
}

/**
 * How a slow subscriber's queue is shortened: of each entity the newest state is kept, and that it was removed. What is told
 * then is out of turn, and a bookmark says when all of it has been told.
 */
export const itemConflation: BatchConflation<Item> = {
  subjectOf: (item) =>
    'entity' in item && item.entity === undefined ? `removed/${item.kind}/${item.id}` : keyOf(item),
  isOpening: () => false,
  sizeOf: (item) => ('entity' in item ? 64 + (item.entity?.bytes.length ?? 0) : 64),
  isMarker,
  outOfOrder: (item) => (isMarker(item) ? item : { ...item, isOutOfOrder: true }),
  caughtUp: ({ commit }) => ({ kind: 'bookmark', commit }),
  late: (mark, { commit }) => (mark.commit.revision < commit.revision ? { ...mark, commit } : mark),
};

function keyOf(item: Item): string {
  return 'id' in item ? `${item.kind}/${item.id}` : item.kind;
}
