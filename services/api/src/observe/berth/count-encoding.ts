/** Counts of tasks as messages of berth.v1.ObserveService. */

import { markMessage, positionOf, responseBytes } from './change-encoding.js';
import type { CommitMark } from './core/cell-changes.js';
import type { TaskCount } from './core/task-counts.js';
import { type CountNews, type Item, isMark } from './items.js';

/** A message is full when its values have so many characters. */
const messageChars = 48 * 1024;
/** What a count takes beside its values. */
const countChars = 16;

/** All counts, in as many messages as they need. */
export function* countMessages(counts: readonly TaskCount[]): Generator<Buffer> {
  for (const part of partsOf(counts)) yield countsMessage(part, undefined);
}

/** Items in order. Of counts that changed several times in a row only the last number is told, and none that is as it was. */
export function* countItemMessages(items: readonly Item[]): Generator<Buffer> {
  let run: CountNews[] = [];
  for (const item of items) {
    if (isMark(item)) {
      yield* runMessages(run);
      run = [];
      yield responseBytes(markMessage(item));
    } else if (item.kind === 'count') run.push(item);
  }
  yield* runMessages(run);
}

function* runMessages(run: readonly CountNews[]): Generator<Buffer> {
  const news = new Map<string, { readonly first: CountNews; last: CountNews }>();
  for (const item of run) {
    const known = news.get(item.id);
    if (known === undefined) news.set(item.id, { first: item, last: item });
    else known.last = item;
  }
  // What came before something that is out of turn may have been left out: its number before is not what was told.
  const isNews = (one: { readonly first: CountNews; readonly last: CountNews }) =>
    one.first.isOutOfTurn === true || one.first.before !== one.last.tasks;
  const changed = [...news.values()].filter(isNews).map(({ last }) => last);
  const end = run.at(-1);
  const isWhole = !run.some(({ isOutOfTurn }) => isOutOfTurn === true);
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

function countsMessage(counts: readonly TaskCount[], commit: CommitMark | undefined): Buffer {
  return responseBytes({
    $case: 'counts',
    value: {
      counts: counts.map(({ values, tasks }) => ({ values: [...values], tasks })),
      position: commit === undefined ? undefined : positionOf(commit),
    },
  });
}
