/** Yes or no for each agent, by its index, as far as it was found out. */
export class Verdicts {
  /** 0: not known, 1: yes, 2: no. */
  #known = new Uint8Array(0);

  /** What was found out for the agent; undefined where nothing was. */
  of(index: number): boolean | undefined {
    const known = this.#known[index];
    return known === 1 ? true : known === 2 ? false : undefined;
  }

  /** Remembers the verdict; there is room made for `indexEnd` agents, since others will follow. */
  note(index: number, verdict: boolean, indexEnd: number): void {
    if (index >= this.#known.length) {
      const grown = new Uint8Array(Math.max(indexEnd, index + 1));
      grown.set(this.#known);
      this.#known = grown;
    }
    this.#known[index] = verdict ? 1 : 2;
  }
}
