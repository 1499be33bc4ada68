import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { addResources, zeroResources } from '@berth/shared/model/resources/vector';
import { Heap } from '../heap/heap.js';
import { anywhere, type PlacementSpec } from '../request/placement-spec.js';
import { type DominantShare, dominantShareOf, type GroupShares } from './dominant-share.js';
import { type AgedTask, type QueueItem, type QueueShard, rankOf } from './queue-shard.js';

/** A shard with tasks left. */
interface OpenShard<T> {
  readonly spec: PlacementSpec | undefined;
  readonly isAlike: boolean;
  readonly rest: Iterator<AgedTask<T>>;
  head: AgedTask<T>;
}

/** The shards of one capacity group and one rank. */
interface ShardGroup<T> {
  readonly name: string;
  readonly shards: Heap<OpenShard<T>>;
  share: DominantShare;
}

const sameForAll: DominantShare = { isBelow: false, share: 0 };

/**
 * Takes one rank after the other, and within it the group with the least dominant share. A turn costs the
 * logarithm of the number of shards.
 */
export class ShardedQueue<T extends QueueItem> {
  /** By rank, the shards that have had no turn yet. */
  readonly #ranks = new Map<number, OpenShard<T>[]>();
  readonly #shares: GroupShares | undefined;
  readonly #used: Map<string, Resources>;
  /** The first group has the turn, and in it the first shard. */
  #groups = new Heap<ShardGroup<T>>([], isBefore);
  #hasTurn = false;
  #isShardOver = false;

  constructor(shards: Iterable<QueueShard<T>>, shares: GroupShares | undefined) {
    this.#shares = shares;
    this.#used = new Map(shares?.used);
    for (const { spec, tasks, isAlike } of shards) {
      const rest = tasks[Symbol.iterator]();
      const first = rest.next();
      if (first.done) continue;
      const rank = rankOf(spec ?? anywhere);
      const shard = { spec, isAlike, rest, head: first.value };
      const ofRank = this.#ranks.get(rank);
      if (ofRank === undefined) this.#ranks.set(rank, [shard]);
      else ofRank.push(shard);
    }
  }

  next(): T | undefined {
    this.#endTurn();
    if (this.#groups.first === undefined) this.#openRank();
    const turn = this.#groups.first?.shards.first?.head.task;
    this.#hasTurn = turn !== undefined;
    return turn;
  }

  notePlaced(): void {
    const group = this.#groups.first;
    const task = group?.shards.first?.head.task;
    if (group === undefined || task === undefined || !this.#hasTurn || this.#shares === undefined) return;
    const { name } = group;
    this.#used.set(name, addResources(this.#used.get(name) ?? zeroResources(), task.resources));
    group.share = this.#shareOf(name);
  }

  noteUnplaced(): void {
    this.#isShardOver = this.#groups.first?.shards.first?.isAlike ?? false;
  }

  #endTurn(): void {
    const group = this.#groups.first;
    const shard = group?.shards.first;
    if (group === undefined || shard === undefined || !this.#hasTurn) return;
    this.#hasTurn = false;
    const next = this.#isShardOver ? undefined : shard.rest.next();
    this.#isShardOver = false;
    if (next === undefined || next.done) group.shards.dropFirst();
    else {
      shard.head = next.value;
      group.shards.sinkFirst();
    }
    if (group.shards.first === undefined) this.#groups.dropFirst();
    else this.#groups.sinkFirst();
  }

  #shareOf(group: string): DominantShare {
    if (this.#shares === undefined) return sameForAll;
    const { guarantees, total } = this.#shares;
    return dominantShareOf(this.#used.get(group) ?? zeroResources(), guarantees.get(group), total);
  }

  #openRank(): void {
    if (this.#ranks.size === 0) return;
    const rank = Math.max(...this.#ranks.keys());
    const byGroup = new Map<string, OpenShard<T>[]>();
    for (const shard of this.#ranks.get(rank) ?? []) {
      const name = this.#shares === undefined ? '' : (shard.spec ?? anywhere).capacityGroup;
      const ofGroup = byGroup.get(name);
      if (ofGroup === undefined) byGroup.set(name, [shard]);
      else ofGroup.push(shard);
    }
    this.#ranks.delete(rank);
    const groups = [...byGroup].map(([name, shards]) => ({
      name,
      shards: new Heap(shards, isOlder),
      share: this.#shareOf(name),
    }));
    this.#groups = new Heap(groups, isBefore);
  }
}

function isOlder<T>(a: OpenShard<T>, b: OpenShard<T>): boolean {
  return a.head.age < b.head.age;
}

function isBefore<T>(a: ShardGroup<T>, b: ShardGroup<T>): boolean {
  if (a.share.isBelow !== b.share.isBelow) return a.share.isBelow;
  if (a.share.share !== b.share.share) return a.share.share < b.share.share;
  return ageOf(a) < ageOf(b);
}

function ageOf<T>({ shards }: ShardGroup<T>): number {
  return shards.first?.head.age ?? Number.POSITIVE_INFINITY;
}
