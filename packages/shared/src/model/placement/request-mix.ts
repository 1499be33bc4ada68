import type { Resources } from '../../gen/berth/v1/store.js';

/** A request that is often made, and how often: its share of all that were seen. */
export interface TypicalRequest {
  readonly resources: Resources;
  readonly share: number;
}

/** Different requests that are remembered; beyond them the rarest are forgotten. */
const maxShapes = 1_000;

/** The typical requests together make up this share of all. */
const typicalShare = 0.95;

/** What requests were seen, so that room can be judged by its use to those that will come. */
export class RequestMix {
  readonly #counts = new Map<string, { readonly resources: Resources; count: number }>();
  #total = 0;
  #typical: readonly TypicalRequest[] = [];
  #typicalAt = 0;
  /** Differs whenever the typical requests do. */
  version = 0;

  note(resources: Resources): void {
    const key = `${resources.cpuMillis}/${resources.gpuMillis}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count += 1;
    else this.#counts.set(key, { resources, count: 1 });
    this.#total += 1;
    if (this.#counts.size > maxShapes) this.#forgetRare();
  }

  /** Looked at anew each time that a quarter more has been seen, so that judgements stay comparable meanwhile. */
  typical(): readonly TypicalRequest[] {
    if (this.#total < this.#typicalAt * 1.25 + 1) return this.#typical;
    this.#typicalAt = this.#total;
    this.version += 1;
    const popular = [...this.#counts.values()].sort((a, b) => b.count - a.count);
    const typical: TypicalRequest[] = [];
    let sum = 0;
    for (const { resources, count } of popular) {
      if (sum >= typicalShare * this.#total) break;
      typical.push({ resources, share: count / this.#total });
      sum += count;
    }
    this.#typical = typical;
    return typical;
  }

  #forgetRare(): void {
    const popular = [...this.#counts].sort(([, a], [, b]) => b.count - a.count);
    for (const [key, { count }] of popular.slice(maxShapes / 2)) {
      this.#counts.delete(key);
      this.#total -= count;
    }
  }
}
