import { anywhere, type PlacementSpec } from '../request/placement-spec.js';
import type { GroupShares } from './dominant-share.js';
import { type AgedTask, type QueueItem, type QueueShard, rankOf } from './queue-shard.js';
import { ShardedQueue } from './sharded-queue.js';

/** A queue while it is placed: the next task depends on the groups that got agents. */
export interface SchedulingQueue<T> {
  /** The task that has its turn; undefined at the end. */
  next(): T | undefined;

  /** Says that the task of the last turn got an agent. */
  notePlaced(): void;

  /** Says that it got none. */
  noteUnplaced(): void;
}

/**
 * Orders tasks by tier (critical first), priority, fairness between capacity groups, and age: their order in
 * the list. Without shares there is no fairness between groups, and it costs nothing.
 */
export function queueOf<T extends QueueItem>(tasks: readonly T[], shares?: GroupShares): SchedulingQueue<T> {
  const ranked = byRank(tasks);
  return shares === undefined ? new ListQueue(ranked) : queueOfShards(shardsOf(ranked), shares);
}

/** The same order for tasks in shards. It costs nothing for tasks without a turn. */
export function queueOfShards<T extends QueueItem>(
  shards: Iterable<QueueShard<T>>,
  shares?: GroupShares,
): SchedulingQueue<T> {
  return new ShardedQueue(shards, shares);
}

function shardsOf<T extends QueueItem>(tasks: readonly T[]): Iterable<QueueShard<T>> {
  const shards = new Map<string, { spec: PlacementSpec; tasks: AgedTask<T>[]; isAlike: boolean }>();
  for (const [age, task] of tasks.entries()) {
    const { spec = anywhere } = task;
    const key = `${rankOf(spec)} ${spec.capacityGroup}`;
    const shard = shards.get(key) ?? { spec, tasks: [], isAlike: false };
    shards.set(key, shard);
    shard.tasks.push({ task, age });
  }
  return shards.values();
}

function byRank<T extends QueueItem>(tasks: readonly T[]): readonly T[] {
  const isPlain = tasks.every(({ spec = anywhere }) => spec.tier === 'flex' && spec.priority === 0);
  return isPlain ? tasks : tasks.toSorted((a, b) => rankOf(b.spec ?? anywhere) - rankOf(a.spec ?? anywhere));
}

/** Tasks in a fixed order. */
class ListQueue<T> implements SchedulingQueue<T> {
  readonly #tasks: readonly T[];
  #at = 0;

  constructor(tasks: readonly T[]) {
    this.#tasks = tasks;
  }

  next(): T | undefined {
    const task = this.#tasks[this.#at];
    this.#at += 1;
    return task;
  }

  notePlaced(): void {}

  noteUnplaced(): void {}
}
