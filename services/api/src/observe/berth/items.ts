/** What goes through one subscriber's queue: news, and marks that must not overtake them. */

import type { BatchConflation } from '../stream/pending-batches.js';
import type { CommitMark, EntityNews } from './core/cell-changes.js';
import type { ChangedCount } from './core/task-counts.js';

/** Everything up to this commit has been told. */
export interface Bookmark {
  readonly kind: 'bookmark';
  readonly commit: CommitMark;
}

/** The answer to a subscriber's checkpoint. */
export interface Checkpoint {
  readonly kind: 'checkpoint';
  readonly id: string;
  readonly commit: CommitMark;
}

/** A number of tasks has changed. */
export interface CountNews extends ChangedCount {
  readonly kind: 'count';
  readonly commit: CommitMark;
  readonly isOutOfTurn?: boolean;
}

export type Item = EntityNews | CountNews | Bookmark | Checkpoint;

export function isMark(item: Item): item is Bookmark | Checkpoint {
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
  isMark,
  outOfTurn: (item) => (isMark(item) ? item : { ...item, isOutOfTurn: true }),
  caughtUp: ({ commit }) => ({ kind: 'bookmark', commit }),
  late: (mark, { commit }) => (mark.commit.revision < commit.revision ? { ...mark, commit } : mark),
};

function keyOf(item: Item): string {
  return 'id' in item ? `${item.kind}/${item.id}` : item.kind;
}
