import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';

/** A frequent request. */
export interface TypicalRequest {
  readonly resources: Resources;
  /** Its share of all requests that were seen. */
  readonly share: number;
  /** True if such a request may use the agent, with any tasks on it. */
  readonly mayUse: (agent: AgentInfo) => boolean;
}

/** Different requests that are remembered. Beyond this number the rarest are forgotten. */
const maxShapes = 1_000;

/** The typical requests together make up this share of all. */
const typicalShare = 0.95;

interface Shape extends Omit<TypicalRequest, 'share'> {
  count: number;
}

const anyAgent = (): boolean => true;

/**
 * The requests that were seen. The fragmentation scorer judges free capacity by its use to requests to come.
 */
export class DemandProfile {
  readonly #shapes = new Map<string, Shape>();
  #total = 0;
  #typical: readonly TypicalRequest[] = [];
  #typicalAt = 0;
  /** Differs after each change of the typical requests. */
  version = 0;

  /** Notes a request; `request` is its class, for jobs that may not use every agent. */
  note(resources: Resources, request?: EquivalenceClass): void {
    const rules = request === undefined || !request.hasAgentFilters ? '' : request.spec.key;
    const key = `${resources.cpuMillis}/${resources.gpuMillis} ${rules}`;
    const known = this.#shapes.get(key);
    if (known !== undefined) known.count += 1;
    else {
      const mayUse = request === undefined || rules === '' ? anyAgent : request.mayUse.bind(request);
      this.#shapes.set(key, { resources, mayUse, count: 1 });
    }
    this.#total += 1;
    if (this.#shapes.size > maxShapes) this.#forgetRare();
  }

  /**
   * The frequent requests. They change only after a quarter more has been seen, so that scores stay
   * comparable.
   */
  typical(): readonly TypicalRequest[] {
    if (this.#total < this.#typicalAt * 1.25 + 1) return this.#typical;
    this.#typicalAt = this.#total;
    this.version += 1;
    const popular = [...this.#shapes.values()].sort((a, b) => b.count - a.count);
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
    const popular = [...this.#shapes].sort(([, a], [, b]) => b.count - a.count);
    for (const [key, { count }] of popular.slice(maxShapes / 2)) {
      this.#shapes.delete(key);
      this.#total -= count;
    }
  }
}
