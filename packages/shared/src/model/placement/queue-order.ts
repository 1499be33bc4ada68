import type { Resources } from '../../gen/berth/v1/store.js';
import { Heap } from '../heap.js';
import { addResources, zeroResources } from '../resources.js';
import { anywhere, type PlacementSpec } from './spec.js';

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
}

/**
 * The queue by tier (critical first), priority, fairness between capacity groups, and age: the order of the queue. Without
 * shares there is no fairness between groups, and it costs nothing.
 */
export function lineUp<T extends Waiting>(queue: readonly T[], shares?: GroupShares): Line<T> {
  const ranked = byRank(queue);
  return shares === undefined ? new PlainLine(ranked) : new FairLine(ranked, shares);
}

function byRank<T extends Waiting>(queue: readonly T[]): readonly T[] {
  const isPlain = queue.every(({ spec = anywhere }) => spec.tier === 'flex' && spec.priority === 0);
  return isPlain ? queue : queue.toSorted((a, b) => rankOf(b) - rankOf(a));
}

function rankOf({ spec = anywhere }: Waiting): number {
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

/** A group's tasks of one rank, oldest first. */
interface Lane<T> {
  readonly group: string;
  readonly tasks: { readonly task: T; readonly age: number }[];
  at: number;
  standing: Standing;
}

/** Serves the tasks of each rank in turn, and among them the group that has least. A turn costs the logarithm of the groups. */
class FairLine<T extends Waiting> implements Line<T> {
  readonly #ranked: readonly T[];
  readonly #shares: GroupShares;
  readonly #used: Map<string, Resources>;
  #at = 0;
  /** The first lane is the one whose turn it is. */
  #lanes = new Heap<Lane<T>>([], isBefore);
  #hasTurn = false;

  constructor(ranked: readonly T[], shares: GroupShares) {
    this.#ranked = ranked;
    this.#shares = shares;
    this.#used = new Map(shares.used);
  }

  next(): T | undefined {
    this.#endTurn();
    if (this.#first === undefined) this.#openRank();
    const turn = this.#first?.tasks[this.#first.at]?.task;
    this.#hasTurn = turn !== undefined;
    return turn;
  }

  served(): void {
    const lane = this.#first;
    const task = lane?.tasks[lane.at]?.task;
    if (lane === undefined || task === undefined || !this.#hasTurn) return;
    this.#used.set(lane.group, addResources(this.#used.get(lane.group) ?? zeroResources(), task.resources));
    lane.standing = this.#standing(lane.group);
  }

  get #first(): Lane<T> | undefined {
    return this.#lanes.first;
  }

  #endTurn(): void {
    const lane = this.#first;
    if (lane === undefined || !this.#hasTurn) return;
    this.#hasTurn = false;
    lane.at += 1;
    if (lane.at >= lane.tasks.length) this.#lanes.dropFirst();
    else this.#lanes.sinkFirst();
  }

  #standing(group: string): Standing {
    const { guarantees, total } = this.#shares;
    return standingOf(this.#used.get(group) ?? zeroResources(), guarantees.get(group), total);
  }

  #openRank(): void {
    const first = this.#ranked[this.#at];
    if (first === undefined) return;
    const rank = rankOf(first);
    const lanes = new Map<string, Lane<T>>();
    for (let task = this.#ranked[this.#at]; task !== undefined && rankOf(task) === rank; ) {
      const group = groupOf(task);
      const lane = lanes.get(group) ?? { group, tasks: [], at: 0, standing: this.#standing(group) };
      lane.tasks.push({ task, age: this.#at });
      lanes.set(group, lane);
      this.#at += 1;
      task = this.#ranked[this.#at];
    }
    this.#lanes = new Heap(lanes.values(), isBefore);
  }
}

function isBefore<T>(a: Lane<T>, b: Lane<T>): boolean {
  if (a.standing.isBelow !== b.standing.isBelow) return a.standing.isBelow;
  if (a.standing.share !== b.standing.share) return a.standing.share < b.standing.share;
  return ageOf(a) < ageOf(b);
}

function ageOf<T>({ tasks, at }: Lane<T>): number {
  return tasks[at]?.age ?? Number.POSITIVE_INFINITY;
}

function groupOf({ spec = anywhere }: Waiting): string {
  return spec.capacityGroup;
}
