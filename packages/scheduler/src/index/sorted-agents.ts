import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { millisPerGpu } from '@berth/shared/model/resources/gpus';
import type { AgentSlot } from './indexed-agent.js';

/** Chunks are split at twice this length, and joined with a neighbour where both together are shorter. */
const chunkLength = 48;

/** Where a search begins: the first agent whose key, and then id, is not less. */
export interface Position {
  readonly key: number;
  readonly id: string;
}

export const start: Position = { key: Number.NEGATIVE_INFINITY, id: '' };
export const end: Position = { key: Number.POSITIVE_INFINITY, id: '' };

/** Agents that stand next to one another in the order, and the most that any of them has free of each resource. */
export class Chunk {
  readonly slots: AgentSlot[];
  cpu = 0;
  memory = 0;
  disk = 0;
  network = 0;
  ports = 0;
  largestShare = 0;
  wholeCards = 0;
  #isLoose = false;

  constructor(slots: AgentSlot[]) {
    this.slots = slots;
    this.measure();
  }

  /** False where none of the agents can have room for the request. */
  mayFit(request: Resources): boolean {
    if (!this.#isWithin(request)) return false;
    if (!this.#isLoose) return true;
    this.measure();
    return this.#isWithin(request);
  }

  #isWithin(request: Resources): boolean {
    return (
      request.cpuMillis <= this.cpu &&
      request.memoryMb <= this.memory &&
      request.diskMb <= this.disk &&
      request.networkMbps <= this.network &&
      request.ports <= this.ports &&
      (request.gpuMillis < millisPerGpu
        ? request.gpuMillis <= this.largestShare
        : request.gpuMillis <= this.wholeCards * millisPerGpu)
    );
  }

  /** In which measures no other agent of the chunk has more than this one; a set of bits. */
  ledBy(slot: AgentSlot): number {
    return (
      Number(slot.cpu === this.cpu) |
      (Number(slot.memory === this.memory) << 1) |
      (Number(slot.disk === this.disk) << 2) |
      (Number(slot.network === this.network) << 3) |
      (Number(slot.ports === this.ports) << 4) |
      (Number(slot.largestShare === this.largestShare) << 5) |
      (Number(slot.wholeCards === this.wholeCards) << 6)
    );
  }

  /** Takes note of what an agent has free now; `led` is where it led before. */
  remeasure(slot: AgentSlot, led: number): void {
    this.widen(slot);
    if ((led & ~this.ledBy(slot)) !== 0) this.#isLoose = true;
  }

  widen(slot: AgentSlot): void {
    this.cpu = Math.max(this.cpu, slot.cpu);
    this.memory = Math.max(this.memory, slot.memory);
    this.disk = Math.max(this.disk, slot.disk);
    this.network = Math.max(this.network, slot.network);
    this.ports = Math.max(this.ports, slot.ports);
    this.largestShare = Math.max(this.largestShare, slot.largestShare);
    this.wholeCards = Math.max(this.wholeCards, slot.wholeCards);
  }

  measure(): void {
    this.cpu = this.memory = this.disk = this.network = this.ports = this.largestShare = this.wholeCards = 0;
    for (const slot of this.slots) this.widen(slot);
    this.#isLoose = false;
  }

  /** Takes an agent out; the measures may be too great from now on, until a search has a use for better ones. */
  removeAt(index: number): void {
    this.slots.splice(index, 1);
    this.#isLoose = true;
  }
}

/** Where an agent stands before it changes. */
interface Seat {
  readonly chunk: Chunk;
  readonly index: number;
  readonly led: number;
}

/**
 * Agents in the order of a key, then of their ids; the search for the first that fits leaps over chunks of agents none
 * of which can. An agent's key, and what it has free, change only between `seatOf` and `settle`, or `remove` and `insert`.
 */
export class AgentOrder {
  readonly #chunks: Chunk[] = [];
  /** Which of an agent's keys is this order's. */
  readonly #which: number;
  readonly #keyOf: (slot: AgentSlot) => number;

  constructor(which: number, keyOf: (slot: AgentSlot) => number) {
    this.#which = which;
    this.#keyOf = keyOf;
  }

  /** Orders all agents anew. */
  fill(slots: Iterable<AgentSlot>): void {
    const all = [...slots];
    for (const slot of all) slot.keys[this.#which] = this.#keyOf(slot);
    all.sort((a, b) => this.#key(a) - this.#key(b) || (a.id < b.id ? -1 : 1));
    this.#chunks.length = 0;
    for (let at = 0; at < all.length; at += chunkLength) {
      this.#chunks.push(this.#seat(new Chunk(all.slice(at, at + chunkLength))));
    }
  }

  insert(slot: AgentSlot): void {
    const key = this.#keyOf(slot);
    slot.keys[this.#which] = key;
    const position = { key, id: slot.id };
    if (this.#chunks.length === 0) this.#chunks.push(new Chunk([]));
    const at = Math.min(this.#chunkOf(position), this.#chunks.length - 1);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    chunk.slots.splice(this.#indexIn(chunk, position), 0, slot);
    slot.chunks[this.#which] = chunk;
    chunk.widen(slot);
    if (chunk.slots.length >= chunkLength * 2) this.#split(at, chunk);
  }

  remove(slot: AgentSlot): void {
    const { chunk, index } = this.seatOf(slot);
    const at = this.#chunkOf(this.positionOf(slot));
    chunk.removeAt(index);
    this.#join(at, chunk);
  }

  /**
   * Where the agent stands, to be given to `settle` once it has changed, and before any other agent does. It knows its
   * chunk: to search for it would touch many other agents, which are seldom in the processor's cache.
   */
  seatOf(slot: AgentSlot): Seat {
    const chunk = slot.chunks[this.#which];
    const index = chunk?.slots.indexOf(slot) ?? -1;
    if (chunk === undefined || index < 0) throw new Error(`agent ${slot.id} is not where it should be`);
    return { chunk, index, led: chunk.ledBy(slot) };
  }

  /** Puts an agent that has changed where it belongs now: mostly, where it stands. */
  settle(slot: AgentSlot, { chunk, index, led }: Seat): void {
    const position = { key: this.#keyOf(slot), id: slot.id };
    if (this.#isBetween(slot, position, { chunk, index })) {
      slot.keys[this.#which] = position.key;
      return chunk.remeasure(slot, led);
    }
    const at = this.#chunkOf(this.positionOf(slot));
    chunk.removeAt(index);
    this.#join(at, chunk);
    this.insert(slot);
  }

  /** Whether the position is between the neighbours of the agent that stands there. */
  #isBetween(
    slot: AgentSlot,
    position: Position,
    { chunk, index }: { readonly chunk: Chunk; readonly index: number },
  ): boolean {
    const { slots } = chunk;
    const isInside = index > 0 && index + 1 < slots.length;
    // The agent has its old key still, by which its chunk is found.
    const at = isInside ? 0 : this.#chunkOf(this.positionOf(slot));
    const previous = index > 0 ? slots[index - 1] : this.#chunks[at - 1]?.slots.at(-1);
    const next = index + 1 < slots.length ? slots[index + 1] : this.#chunks[at + 1]?.slots[0];
    return (
      (previous === undefined || this.isBefore(previous, position)) &&
      (next === undefined || !this.isBefore(next, position))
    );
  }

  positionOf(slot: AgentSlot): Position {
    return { key: this.#key(slot), id: slot.id };
  }

  /** Whether the agent comes before the position. */
  isBefore(slot: AgentSlot, { key, id }: Position): boolean {
    const own = this.#key(slot);
    return own < key || (own === key && slot.id < id);
  }

  /** The first agent, from the position on, that has room for the request and passes the test. */
  findFirst(request: Resources, from: Position, test: (slot: AgentSlot) => boolean): AgentSlot | undefined {
    let found: AgentSlot | undefined;
    this.visit(request, from, (slot) => {
      if (!test(slot)) return true;
      found = slot;
      return false;
    });
    return found;
  }

  /** Shows the agents that have room for the request, in order, until told to stop. */
  visit(request: Resources, from: Position, show: (slot: AgentSlot) => boolean): void {
    const first = from === start ? 0 : this.#chunkOf(from);
    for (let at = first; at < this.#chunks.length; at += 1) {
      const chunk = this.#chunks[at];
      if (chunk === undefined || !chunk.mayFit(request)) continue;
      const { slots } = chunk;
      const begin = at === first && from !== start ? this.#indexIn(chunk, from) : 0;
      for (let index = begin; index < slots.length; index += 1) {
        const slot = slots[index];
        if (slot?.fits(request) && !show(slot)) return;
      }
    }
  }

  /** Tells all agents of the chunk where they are. */
  #seat(chunk: Chunk): Chunk {
    for (const slot of chunk.slots) slot.chunks[this.#which] = chunk;
    return chunk;
  }

  #key(slot: AgentSlot): number {
    return slot.keys[this.#which] ?? 0;
  }

  /** The first chunk whose last agent is not before the position. */
  #chunkOf(position: Position): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#chunks[middle]?.slots.at(-1);
      if (last !== undefined && this.isBefore(last, position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexIn(chunk: Chunk, position: Position): number {
    let low = 0;
    let high = chunk.slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const slot = chunk.slots[middle];
      if (slot !== undefined && this.isBefore(slot, position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(at: number, chunk: Chunk): void {
    const upper = chunk.slots.splice(chunkLength);
    chunk.measure();
    this.#chunks.splice(at + 1, 0, this.#seat(new Chunk(upper)));
  }

  /** Keeps chunks from becoming many and short. */
  #join(at: number, chunk: Chunk): void {
    const next = this.#chunks[at + 1];
    if (chunk.slots.length === 0) this.#chunks.splice(at, 1);
    else if (next !== undefined && chunk.slots.length + next.slots.length < chunkLength) {
      chunk.slots.push(...next.slots);
      this.#seat(chunk).measure();
      this.#chunks.splice(at + 1, 1);
    }
  }
}
