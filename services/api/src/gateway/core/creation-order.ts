/** What lists are ordered by: first come, first listed; of two at the same time, the smaller id. */
export interface Created {
  readonly id: string;
  readonly createdAtMs: number;
}

export function byCreation(a: Created, b: Created): number {
  if (a.createdAtMs !== b.createdAtMs) return a.createdAtMs - b.createdAtMs;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/** The place of the first item that does not come before this one; the items must be in order. */
export function firstFrom(items: readonly Created[], item: Created): number {
  const last = items.at(-1);
  if (last === undefined || byCreation(last, item) < 0) return items.length;
  let from = 0;
  let to = items.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const there = items[middle];
    if (there !== undefined && byCreation(there, item) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}
