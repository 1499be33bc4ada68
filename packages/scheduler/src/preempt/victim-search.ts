import type { Booking } from '../index/indexed-agent.js';

export interface SetSearch {
  readonly count: number;
  readonly fits: (victims: readonly Booking[]) => boolean;
  /** How many more sets may be tried. */
  readonly budget: { left: number };
}

/** The first set of so many tasks that makes room, in the order of the tasks. */
export function findSet(
  willing: readonly Booking[],
  { count, fits, budget }: SetSearch,
  chosen: readonly Booking[] = [],
  from = 0,
): readonly Booking[] | undefined {
  if (chosen.length === count) {
    budget.left -= 1;
    return fits(chosen) ? chosen : undefined;
  }
  const last = willing.length - (count - chosen.length);
  for (let at = from; at <= last && budget.left > 0; at += 1) {
    const booking = willing[at];
    if (booking === undefined) return undefined;
    const set = findSet(willing, { count, fits, budget }, [...chosen, booking], at + 1);
    if (set !== undefined) return set;
  }
  return undefined;
}

/** Leaves away, one after another, the tasks without which there is room as well: the smallest ones first. */
export function prune(
  victims: readonly Booking[],
  fits: (victims: readonly Booking[]) => boolean,
): readonly Booking[] {
  let left = victims;
  for (const victim of victims.toReversed()) {
    const fewer = left.filter((each) => each !== victim);
    if (fits(fewer)) left = fewer;
  }
  return left;
}
