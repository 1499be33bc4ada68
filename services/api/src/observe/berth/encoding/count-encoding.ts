/** Counts of tasks as messages of berth.v1.ObserveService. */

import type { CommitHeader } from '../core/cell-changes.js';
import { type CountChange, type Item, isMarker } from '../core/items.js';
import type { TaskCount } from '../core/task-counts.js';
import { cursorOf, markerMessage, responseBytes } from './change-encoding.js';

/** A message is full when its values have so many characters. */
const messageChars = 48 * 1024;
/** The approximate size of a count without its values. */
const countChars = 16;

/** All counts, in as many messages as they need. */
export function* countMessages(counts: readonly TaskCount[]): Generator<Buffer> {
  for (const part of partsOf(counts)) yield countsMessage(part, undefined);
}

/**
 * Yields the items in order. If a count changed several times in a row, only its last number is sent. A
 * count that ends at its old number is left out.
 */
export function* countItemMessages(items: readonly Item[]): Generator<Buffer> {
  let run: CountChange[] = [];
  for (const item of items) {
    if (isMarker(item)) {
      yield* runMessages(run);
      run = [];
      yield responseBytes(markerMessage(item));
    } else if (item.kind === 'count') run.push(item);
  }
  yield* runMessages(run);
}

function* runMessages(run: readonly CountChange[]): Generator<Buffer> {
  const byId = new Map<string, { readonly first: CountChange; last: CountChange }>();
  for (const item of run) {
    const known = byId.get(item.id);
    if (known === undefined) byId.set(item.id, { first: item, last: item });
    else known.last = item;
  }
  // Items before one that is out of order may have been dropped. Its `before` is then not the number that
  // was sent last.
  const isRelevant = (one: { readonly first: CountChange; readonly last: CountChange }) =>
    one.first.isOutOfOrder === true || one.first.before !== one.last.tasks;
  const changed = [...byId.values()].filter(isRelevant).map(({ last }) => last);
  const end = run.at(-1);
  const isWhole = !run.some(({ isOutOfOrder }) => isOutOfOrder === true);
  const parts = [...partsOf(changed)];
  for (const [index, part] of parts.entries())
    yield countsMessage(part, isWhole && index === parts.length - 1 ? end?.commit : undefined);
}

function* partsOf<C extends TaskCount>(counts: readonly C[]): Generator<readonly C[]> {
  let part: C[] = [];
  let chars = 0;
  for (const count of counts) {
    part.push(count);
    for (const value of count.values) chars += value.length;
    chars += countChars;
    if (chars < messageChars) continue;
    yield part;
    part = [];
    chars = 0;
  }
  if (part.length > 0) yield part;
}

function countsMessage(counts: readonly TaskCount[], commit: CommitHeader | undefined): Buffer {
  return responseBytes({
    $case: 'counts',
    value: {
      counts: counts.map(({ values, tasks }) => ({ values: [...values], tasks })),
      position: commit === undefined ? undefined : cursorOf(commit),
    },
  });
}
