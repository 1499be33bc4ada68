import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { addResources, zeroResources } from '@berth/shared/model/resources/vector';
import { anywhere, type PlacementSpec } from '../filters/compile-spec.js';
import { Heap } from '../heap/heap.js';

/** What the order of a queue depends on, of a task. */
export interface Waiting {
  readonly resources: Resources;
  /** Absent: it may run anywhere. */
  readonly spec?: PlacementSpec;
}

/** How a cell is shared between capacity groups. */
export interface GroupShares {
  /** What each group can count on; a group that is not named can count on nothing. */
  readonly guarantees: ReadonlyMap<string, Resources>;
  /** What the tasks of each group hold now. */
  readonly used: ReadonlyMap<string, Resources>;
  /** What the cell has. */
  readonly total: Resources;
}

/** A queue while it is placed: who comes next depends on who has got something. */
export interface Line<T> {
  /** The task whose turn it is; undefined at the end. */
  next(): T | undefined;
  /** Says that the task of the last turn got an agent. */
  served(): void;
  /** Says that it got none. */
  failed(): void;
}

/** A task with its place by age: the least is the oldest. */
export interface Aged<T> {
  readonly task: T;
  readonly age: number;
}

/** Tasks of one spec, oldest first; read only as far as their turns come. */
export interface Lane<T> {
  /** Of all of its tasks; absent: they may run anywhere. */
  readonly spec?: PlacementSpec | undefined;
  readonly tasks: Iterable<Aged<T>>;
  /** Whether none of them gets an agent in this line once one of them got none: the others have no turn then. */
  readonly isAlike: boolean;
}

/**
 * The queue by tier (critical first), priority, fairness between capacity groups, and age: the order of the queue. Without
 * shares there is no fairness between groups, and it costs nothing.
 */
export function lineUp<T extends Waiting>(queue: readonly T[], shares?: GroupShares): Line<T> {
  const ranked = byRank(queue);
  return shares === undefined ? new PlainLine(ranked) : lineUpLanes(lanesOf(ranked), shares);
}

/** The same line, of tasks that stand in lanes. It costs nothing for those whose turn does not come. */
export function lineUpLanes<T extends Waiting>(lanes: Iterable<Lane<T>>, shares?: GroupShares): Line<T> {
  return new LaneLine(lanes, shares);
}

function lanesOf<T extends Waiting>(queue: readonly T[]): Iterable<Lane<T>> {
  const lanes = new Map<string, { spec: PlacementSpec; tasks: Aged<T>[]; isAlike: boolean }>();
  for (const [age, task] of queue.entries()) {
    const { spec = anywhere } = task;
    const key = `${rankOf(task)} ${spec.capacityGroup}`;
    const lane = lanes.get(key) ?? { spec, tasks: [], isAlike: false };
    lanes.set(key, lane);
    lane.tasks.push({ task, age });
  }
  return lanes.values();
}

function byRank<T extends Waiting>(queue: readonly T[]): readonly T[] {
  const isPlain = queue.every(({ spec = anywhere }) => spec.tier === 'flex' && spec.priority === 0);
  return isPlain ? queue : queue.toSorted((a, b) => rankOf(b) - rankOf(a));
}

function rankOf({ spec = anywhere }: { readonly spec?: PlacementSpec | undefined }): number {
  return (spec.tier === 'critical' ? 1_000_000 : 0) + spec.priority;
}

class PlainLine<T> implements Line<T> {
  readonly #queue: readonly T[];
  #at = 0;

  constructor(queue: readonly T[]) {
    this.#queue = queue;
  }

  next(): T | undefined {
    const task = this.#queue[this.#at];
    this.#at += 1;
    return task;
  }

  served(): void {}

  failed(): void {}
}

/** How much a group has, measured for its turn: the least comes first. */
export interface Standing {
  /** Below its guarantee in everything that is guaranteed. */
  readonly isBelow: boolean;
  /** Below: the largest share of its guarantee that is used. Otherwise: the largest share of the cell beyond it. */
  readonly share: number;
}

/** Where a group stands, by its dominant resource: first against its guarantee, beyond that against the cell. */
export function standingOf(used: Resources, guarantee: Resources | undefined, total: Resources): Standing {
  const level = guarantee === undefined ? 1 : dominant(used, guarantee, zeroResources());
  if (level < 1) return { isBelow: true, share: level };
  return { isBelow: false, share: dominant(used, total, guarantee ?? zeroResources()) };
}

const kinds = [
  'cpuMillis',
  'memoryMb',
  'diskMb',
  'networkMbps',
  'gpuMillis',
  'ports',
  'eni',
] as const satisfies readonly (keyof Resources)[];

/** The greatest share, over all resources that there are any of, that what is used beyond `free` makes of `whole`. */
function dominant(used: Resources, whole: Resources, free: Resources): number {
  let most = 0;
  for (const kind of kinds) {
    if (whole[kind] > 0) most = Math.max(most, (used[kind] - free[kind]) / whole[kind]);
  }
  return most;
}

/** A lane in which there is somebody. */
interface OpenLane<T> {
  readonly spec: PlacementSpec | undefined;
  readonly isAlike: boolean;
  readonly rest: Iterator<Aged<T>>;
  head: Aged<T>;
}

/** A capacity group's lanes of one rank. */
interface Group<T> {
  readonly name: string;
  readonly lanes: Heap<OpenLane<T>>;
  standing: Standing;
}

const sameForAll: Standing = { isBelow: false, share: 0 };

/** Serves the tasks of each rank in turn, and among them the group that has least. A turn costs the logarithm of the lanes. */
class LaneLine<T extends Waiting> implements Line<T> {
  /** By rank, the lanes that have had no turn yet. */
  readonly #ranks = new Map<number, OpenLane<T>[]>();
  readonly #shares: GroupShares | undefined;
  readonly #used: Map<string, Resources>;
  /** The first group is the one whose turn it is, and of it the first lane. */
  #groups = new Heap<Group<T>>([], isBefore);
  #hasTurn = false;
  #isLaneOver = false;

  constructor(lanes: Iterable<Lane<T>>, shares: GroupShares | undefined) {
    this.#shares = shares;
    this.#used = new Map(shares?.used);
    for (const { spec, tasks, isAlike } of lanes) {
      const rest = tasks[Symbol.iterator]();
      const first = rest.next();
      if (first.done) continue;
      const rank = rankOf({ spec });
      const lane = { spec, isAlike, rest, head: first.value };
      const ofRank = this.#ranks.get(rank);
      if (ofRank === undefined) this.#ranks.set(rank, [lane]);
      else ofRank.push(lane);
    }
  }

  next(): T | undefined {
    this.#endTurn();
    if (this.#groups.first === undefined) this.#openRank();
    const turn = this.#groups.first?.lanes.first?.head.task;
    this.#hasTurn = turn !== undefined;
    return turn;
  }

  served(): void {
    const group = this.#groups.first;
    const task = group?.lanes.first?.head.task;
    if (group === undefined || task === undefined || !this.#hasTurn || this.#shares === undefined) return;
    const { name } = group;
    this.#used.set(name, addResources(this.#used.get(name) ?? zeroResources(), task.resources));
    group.standing = this.#standing(name);
  }

  failed(): void {
    this.#isLaneOver = this.#groups.first?.lanes.first?.isAlike ?? false;
  }

  #endTurn(): void {
    const group = this.#groups.first;
    const lane = group?.lanes.first;
    if (group === undefined || lane === undefined || !this.#hasTurn) return;
    this.#hasTurn = false;
    const next = this.#isLaneOver ? undefined : lane.rest.next();
    this.#isLaneOver = false;
    if (next === undefined || next.done) group.lanes.dropFirst();
    else {
      lane.head = next.value;
      group.lanes.sinkFirst();
    }
    if (group.lanes.first === undefined) this.#groups.dropFirst();
    else this.#groups.sinkFirst();
  }

  #standing(group: string): Standing {
    if (this.#shares === undefined) return sameForAll;
    const { guarantees, total } = this.#shares;
    return standingOf(this.#used.get(group) ?? zeroResources(), guarantees.get(group), total);
  }

  #openRank(): void {
    if (this.#ranks.size === 0) return;
    const rank = Math.max(...this.#ranks.keys());
    const byGroup = new Map<string, OpenLane<T>[]>();
    for (const lane of this.#ranks.get(rank) ?? []) {
      const name = this.#shares === undefined ? '' : (lane.spec ?? anywhere).capacityGroup;
      const ofGroup = byGroup.get(name);
      if (ofGroup === undefined) byGroup.set(name, [lane]);
      else ofGroup.push(lane);
    }
    this.#ranks.delete(rank);
    const groups = [...byGroup].map(([name, lanes]) => ({
      name,
      lanes: new Heap(lanes, isOlder),
      standing: this.#standing(name),
    }));
    this.#groups = new Heap(groups, isBefore);
  }
}

function isOlder<T>(a: OpenLane<T>, b: OpenLane<T>): boolean {
  return a.head.age < b.head.age;
}

function isBefore<T>(a: Group<T>, b: Group<T>): boolean {
  if (a.standing.isBelow !== b.standing.isBelow) return a.standing.isBelow;
  if (a.standing.share !== b.standing.share) return a.standing.share < b.standing.share;
  return ageOf(a) < ageOf(b);
}

function ageOf<T>({ lanes }: Group<T>): number {
  return lanes.first?.head.age ?? Number.POSITIVE_INFINITY;
}
