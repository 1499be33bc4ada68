import type { Resources } from '@berth/shared/gen/berth/v1/store';
import { fitsGpus } from '@berth/shared/model/resources/gpus';
import {
  clearResources,
  equalBits,
  fitsAmounts,
  raiseTo,
  zeroResources,
} from '@berth/shared/model/resources/vector';
import type { AgentBlock, IndexedAgent } from './indexed-agent.js';

/** The bits of the two measures of gpus, beyond those of the vector. */
const largestShareBit = 1 << 16;
const wholeGpusBit = 1 << 17;

/**
 * Agents next to one another in an ordering, and the most that any of them has free of each resource. A
 * search skips the block if that does not suffice.
 */
export class Block implements AgentBlock {
  readonly agents: IndexedAgent[];
  readonly #most = zeroResources();
  #largestShare = 0;
  #wholeGpus = 0;
  /** True if the measures may be too great: an agent with the most has changed or left. */
  #isLoose = false;

  constructor(agents: IndexedAgent[]) {
    this.agents = agents;
    this.measure();
  }

  /** False if none of the agents can fit the request. */
  mayFit(request: Resources): boolean {
    if (!this.#isWithin(request)) return false;
    if (!this.#isLoose) return true;
    this.measure();
    return this.#isWithin(request);
  }

  #isWithin(request: Resources): boolean {
    return (
      fitsAmounts(request, this.#most) && fitsGpus(request.gpuMillis, this.#largestShare, this.#wholeGpus)
    );
  }

  /** The measures in that no other agent of the block has more than this one, as a set of bits. */
  mostIn({ free, largestShare, wholeGpus }: IndexedAgent): number {
    return (
      equalBits(free, this.#most) |
      (largestShare === this.#largestShare ? largestShareBit : 0) |
      (wholeGpus === this.#wholeGpus ? wholeGpusBit : 0)
    );
  }

  /** Measures an agent that has changed; `before` is the result of `mostIn` before the change. */
  remeasure(agent: IndexedAgent, before: number): void {
    this.widen(agent);
    if ((before & ~this.mostIn(agent)) !== 0) this.#isLoose = true;
  }

  /** Raises the measures to those of one agent. */
  widen({ free, largestShare, wholeGpus }: IndexedAgent): void {
    raiseTo(this.#most, free);
    if (largestShare > this.#largestShare) this.#largestShare = largestShare;
    if (wholeGpus > this.#wholeGpus) this.#wholeGpus = wholeGpus;
  }

  /** Measures all agents anew. */
  measure(): void {
    clearResources(this.#most);
    this.#largestShare = 0;
    this.#wholeGpus = 0;
    for (const agent of this.agents) this.widen(agent);
    this.#isLoose = false;
  }

  insertAt(index: number, agent: IndexedAgent): void {
    this.agents.splice(index, 0, agent);
    this.widen(agent);
  }

  /** Takes an agent out. The measures may be too great from now on, until a search needs better ones. */
  removeAt(index: number): void {
    this.agents.splice(index, 1);
    this.#isLoose = true;
  }
}
