/** Yes or no for each agent, by its number, as far as it is known. */
export class FeasibilityCache {
  /** 0: not known, 1: yes, 2: no. */
  #known = new Uint8Array(0);

  /** The known result for the agent; undefined if there is none. */
  of(number: number): boolean | undefined {
    const known = this.#known[number];
    return known === 1 ? true : known === 2 ? false : undefined;
  }

  /**
   * Stores the result. The memory is made for all agents up to `numberEnd`, since their results will follow.
   */
  set(number: number, isFeasible: boolean, numberEnd: number): void {
    if (number >= this.#known.length) {
      const grown = new Uint8Array(Math.max(numberEnd, number + 1));
      grown.set(this.#known);
      this.#known = grown;
    }
    this.#known[number] = isFeasible ? 1 : 2;
  }
}
