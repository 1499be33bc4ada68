import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import type { AgentSlot } from '../index/indexed-agent.js';

/** A request that is often made, and how often: its share of all that were seen. */
export interface TypicalRequest {
  readonly resources: Resources;
  readonly share: number;
  /** Whether the agent is one that such a request may use, whatever runs there. */
  readonly mayUse: (slot: AgentSlot) => boolean;
}

/** Different requests that are remembered; beyond them the rarest are forgotten. */
const maxShapes = 1_000;

/** The typical requests together make up this share of all. */
const typicalShare = 0.95;

interface Shape extends Omit<TypicalRequest, 'share'> {
  count: number;
}

const anyAgent = (): boolean => true;

/** What requests were seen, so that room can be judged by its use to those that will come. */
export class RequestMix {
  readonly #counts = new Map<string, Shape>();
  #total = 0;
  #typical: readonly TypicalRequest[] = [];
  #typicalAt = 0;
  /** Differs whenever the typical requests do. */
  version = 0;
  /** What of an agent's free cards is useful, with the versions of agent and mix that this is of. */
  readonly useful = new WeakMap<
    AgentSlot,
    { readonly version: number; readonly mix: number; readonly value: number }
  >();

  /** Notes a request; `request` is its class, where rules say which agents it may use. */
  note(resources: Resources, request?: RequestClass): void {
    const rules = request === undefined || request.spec.fixedRules.length === 0 ? '' : request.spec.key;
    const key = `${resources.cpuMillis}/${resources.gpuMillis} ${rules}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count += 1;
    else {
      const mayUse = request === undefined || rules === '' ? anyAgent : request.isAllowed.bind(request);
      this.#counts.set(key, { resources, mayUse, count: 1 });
    }
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
    for (const { resources, mayUse, count } of popular) {
      if (sum >= typicalShare * this.#total) break;
      typical.push({ resources, mayUse, share: count / this.#total });
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
