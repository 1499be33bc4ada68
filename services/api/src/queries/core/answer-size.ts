/*
 * The number of items that one answer holds. Clients of every language refuse messages beyond a size, and
 * would then lose the whole answer.
 */
import { maxAnswerBytes } from '../../gateway/core/limits.js';

/** This trailer of an answer that leaves out tasks has their number. */
export const omittedTasksKey = 'berth-tasks-omitted';

/** The bytes of an item in an answer. */
export interface ItemSize<T> {
  /** A bound that is there already, such as the length of the stored record. */
  readonly atMost: (item: T) => number;
  /** The exact number. It may cost as much as the encoding, and is asked only if the bounds do not fit. */
  readonly exactly: (item: T) => number;
}

/** Returns the number of first items that fit into one answer: at least one, if there are any. */
export function fittingItems<T>(
  items: readonly T[],
  { atMost, exactly }: ItemSize<T>,
  maxBytes: number = maxAnswerBytes,
): number {
  if (countFitting(items, atMost, maxBytes) === items.length) return items.length;
  return Math.max(1, countFitting(items, exactly, maxBytes));
}

/** Returns the number of first items that together have at most `maxBytes`. */
export function countFitting<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  maxBytes: number = maxAnswerBytes,
): number {
  let bytes = 0;
  const end = items.findIndex((item) => {
    bytes += bytesOf(item);
    return bytes > maxBytes;
  });
  return end < 0 ? items.length : end;
}
