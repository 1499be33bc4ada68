import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { resourceFields } from '@berth/shared/model/resources/kinds';
import { zeroResources } from '@berth/shared/model/resources/vector';

/** How a cell is shared between capacity groups. */
export interface GroupShares {
  /** The guarantee of each group. A group without one can count on nothing. */
  readonly guarantees: ReadonlyMap<string, Resources>;
  /** The resources that the tasks of each group hold now. */
  readonly used: ReadonlyMap<string, Resources>;
  /** The resources of the cell. */
  readonly total: Resources;
}

/**
 * The measure of a group for its turn by dominant-resource fairness: its largest share of any single
 * resource. Groups below their guarantee come first, then the least share.
 */
export interface DominantShare {
  /** True if the group is below its guarantee in every guaranteed resource. */
  readonly isBelow: boolean;
  /**
   * Below: the largest used share of its guarantee. Otherwise: the largest share of the cell beyond the
   * guarantee.
   */
  readonly share: number;
}

/** The share of a group: first against its guarantee, beyond that against the cell. */
export function dominantShareOf(
  used: Resources,
  guarantee: Resources | undefined,
  total: Resources,
): DominantShare {
  const level = guarantee === undefined ? 1 : largestShare(used, guarantee, zeroResources());
  if (level < 1) return { isBelow: true, share: level };
  return { isBelow: false, share: largestShare(used, total, guarantee ?? zeroResources()) };
}

/**
 * The largest share that the use beyond `free` makes of `whole`, over all resources that `whole` has any of.
 */
function largestShare(used: Resources, whole: Resources, free: Resources): number {
  let most = 0;
  for (const field of resourceFields) {
    if (whole[field] > 0) most = Math.max(most, (used[field] - free[field]) / whole[field]);
  }
  return most;
}
