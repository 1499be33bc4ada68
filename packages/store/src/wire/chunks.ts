/** Yields the items in order, in arrays of `size`. The last array may be shorter. */
export function* inChunks<T>(items: readonly T[], size: number): Iterable<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
