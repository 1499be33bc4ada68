/** The items of one subscriber's queue: changes, and markers that must not overtake them. */

import type { BatchConflation } from '../../stream/core/conflation.js';
import type { CommitHeader, EntityChange } from './cell-changes.js';
import type { ChangedCount } from './task-counts.js';

/** All changes up to this commit have been sent. */
interface Bookmark {
  readonly kind: 'bookmark';
  readonly commit: CommitHeader;
}

/** The answer to a subscriber's checkpoint. */
interface Checkpoint {
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
 * Shortens the queue of a slow subscriber. Of each entity it keeps the newest state, and its removal. These
 * items are out of order, and a bookmark follows when all of them have been sent.
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
