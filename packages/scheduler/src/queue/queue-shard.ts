import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { PlacementSpec } from '../request/placement-spec.js';

/** The parts of a task that the order of a queue depends on. */
export interface QueueItem {
  readonly resources: Resources;
  /** Absent: the task may run anywhere. */
  readonly spec?: PlacementSpec;
}

/** A task with its age: the least is the oldest. */
export interface AgedTask<T> {
  readonly task: T;
  readonly age: number;
}

/** Tasks of one spec, oldest first. A queue reads them only as far as their turns come. */
export interface QueueShard<T> {
  /** The spec of all its tasks; absent: they may run anywhere. */
  readonly spec?: PlacementSpec | undefined;
  readonly tasks: Iterable<AgedTask<T>>;
  /** True if one unplaced task stands for all that follow it in the shard: those have no turn then. */
  readonly isAlike: boolean;
}

/** The rank of a task by tier and priority: the greatest comes first. */
export function rankOf({ tier, priority }: PlacementSpec): number {
  return (tier === 'critical' ? 1_000_000 : 0) + priority;
}
