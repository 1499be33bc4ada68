import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { Block } from './block.js';
import type { IndexedAgent } from './indexed-agent.js';

/** Blocks are split at twice this length. Two neighbours are joined if both together are shorter than it. */
const blockLength = 48;

/** A position in the ordering, before the first agent with this key and id or greater ones. */
export interface Position {
  readonly key: number;
  readonly id: string;
}

export const start: Position = { key: Number.NEGATIVE_INFINITY, id: '' };
export const end: Position = { key: Number.POSITIVE_INFINITY, id: '' };

/** The place of an agent before it changes. */
export interface Location {
  readonly block: Block;
  readonly index: number;
  /** The measures of the block in that the agent had the most. */
  readonly mostIn: number;
}

/**
 * Agents in the order of a key, then of their ids. A search for the first agent that fits skips each block in
 * that none does. An agent's key and free capacity change only between `locate` and `update`, or between
 * `remove` and `insert`.
 */
export class SortedAgents {
  readonly #blocks: Block[] = [];
  /** The number of this ordering: its place in the keys and blocks of agents. */
  readonly #number: number;
  readonly #keyOf: (agent: IndexedAgent) => number;

  constructor(number: number, keyOf: (agent: IndexedAgent) => number) {
    this.#number = number;
    this.#keyOf = keyOf;
  }

  /** Sorts all agents anew. */
  fill(agents: Iterable<IndexedAgent>): void {
    const all = [...agents];
    for (const agent of all) agent.keys[this.#number] = this.#keyOf(agent);
    all.sort((a, b) => this.#key(a) - this.#key(b) || (a.id < b.id ? -1 : 1));
    this.#blocks.length = 0;
    for (let at = 0; at < all.length; at += blockLength) {
      this.#blocks.push(this.#own(new Block(all.slice(at, at + blockLength))));
    }
  }

  insert(agent: IndexedAgent): void {
    const key = this.#keyOf(agent);
    agent.keys[this.#number] = key;
    const position = { key, id: agent.id };
    if (this.#blocks.length === 0) this.#blocks.push(new Block([]));
    const at = Math.min(this.#blockAt(position), this.#blocks.length - 1);
    const block = this.#blocks[at];
    if (block === undefined) return;
    block.insertAt(this.#indexIn(block, position), agent);
    agent.blocks[this.#number] = block;
    if (block.agents.length >= blockLength * 2) this.#split(at, block);
  }

  remove(agent: IndexedAgent): void {
    const { block, index } = this.locate(agent);
    const at = this.#blockAt(this.positionOf(agent));
    block.removeAt(index);
    this.#join(at, block);
  }

  /**
   * The place of the agent, for `update` once it has changed and before any other agent changes. The agent
   * knows its block: a binary search would touch many other agents, and those are seldom in the processor's
   * cache.
   */
  locate(agent: IndexedAgent): Location {
    const block = agent.blocks[this.#number];
    if (!(block instanceof Block)) throw new Error(`agent ${agent.id} is in no block`);
    const index = block.agents.indexOf(agent);
    if (index < 0) throw new Error(`agent ${agent.id} is not in its block`);
    return { block, index, mostIn: block.mostIn(agent) };
  }

  /** Moves an agent that has changed to its new place: mostly that is the old one. */
  update(agent: IndexedAgent, { block, index, mostIn }: Location): void {
    const position = { key: this.#keyOf(agent), id: agent.id };
    if (this.#isBetween(agent, position, { block, index })) {
      agent.keys[this.#number] = position.key;
      return block.remeasure(agent, mostIn);
    }
    const at = this.#blockAt(this.positionOf(agent));
    block.removeAt(index);
    this.#join(at, block);
    this.insert(agent);
  }

  /** True if the position lies between the neighbours of the agent. */
  #isBetween(
    agent: IndexedAgent,
    position: Position,
    { block, index }: Pick<Location, 'block' | 'index'>,
  ): boolean {
    const { agents } = block;
    const isInside = index > 0 && index + 1 < agents.length;
    // The agent still has its old key: with it the block is found.
    const at = isInside ? 0 : this.#blockAt(this.positionOf(agent));
    const previous = index > 0 ? agents[index - 1] : this.#blocks[at - 1]?.agents.at(-1);
    const next = index + 1 < agents.length ? agents[index + 1] : this.#blocks[at + 1]?.agents[0];
    return (
      (previous === undefined || this.isBefore(previous, position)) &&
      (next === undefined || !this.isBefore(next, position))
    );
  }

  positionOf(agent: IndexedAgent): Position {
    return { key: this.#key(agent), id: agent.id };
  }

  /** True if the agent comes before the position. */
  isBefore(agent: IndexedAgent, { key, id }: Position): boolean {
    const own = this.#key(agent);
    return own < key || (own === key && agent.id < id);
  }

  /** The first agent from the position on that fits the request and passes the test. */
  findFirst(
    request: Resources,
    from: Position,
    test: (agent: IndexedAgent) => boolean,
  ): IndexedAgent | undefined {
    let found: IndexedAgent | undefined;
    this.visit(request, from, (agent) => {
      if (!test(agent)) return true;
      found = agent;
      return false;
    });
    return found;
  }

  /** Shows the agents that fit the request, in order, until `show` returns false. */
  visit(request: Resources, from: Position, show: (agent: IndexedAgent) => boolean): void {
    const first = from === start ? 0 : this.#blockAt(from);
    for (let at = first; at < this.#blocks.length; at += 1) {
      const block = this.#blocks[at];
      if (block === undefined || !block.mayFit(request)) continue;
      const { agents } = block;
      const begin = at === first && from !== start ? this.#indexIn(block, from) : 0;
      for (let index = begin; index < agents.length; index += 1) {
        const agent = agents[index];
        if (agent?.fits(request) && !show(agent)) return;
      }
    }
  }

  /** Makes the block known to its agents. */
  #own(block: Block): Block {
    for (const agent of block.agents) agent.blocks[this.#number] = block;
    return block;
  }

  #key(agent: IndexedAgent): number {
    return agent.keys[this.#number] ?? 0;
  }

  /** The first block with a last agent that is not before the position. */
  #blockAt(position: Position): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#blocks[middle]?.agents.at(-1);
      if (last !== undefined && this.isBefore(last, position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #indexIn(block: Block, position: Position): number {
    let low = 0;
    let high = block.agents.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const agent = block.agents[middle];
      if (agent !== undefined && this.isBefore(agent, position)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #split(at: number, block: Block): void {
    const upper = block.agents.splice(blockLength);
    block.measure();
    this.#blocks.splice(at + 1, 0, this.#own(new Block(upper)));
  }

  /** Keeps blocks from becoming many and short. */
  #join(at: number, block: Block): void {
    const next = this.#blocks[at + 1];
    if (block.agents.length === 0) this.#blocks.splice(at, 1);
    else if (next !== undefined && block.agents.length + next.agents.length < blockLength) {
      block.agents.push(...next.agents);
      this.#own(block).measure();
      this.#blocks.splice(at + 1, 1);
    }
  }
}
