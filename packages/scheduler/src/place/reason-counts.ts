import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { AgentIndex } from '../index/agent-index.js';

/**
 * Agents that one plan looks at to count reasons, at most. A plan with very many different waits explains
 * less of each.
 */
const maxLooks = 400_000;

/** For each class the reasons as they were when a plan first asked for them. */
export class ReasonCounts {
  readonly #index: AgentIndex;
  readonly #known = new Map<EquivalenceClass, ReadonlyMap<string, number>>();

  constructor(index: AgentIndex) {
    this.#index = index;
  }

  /** Each reason with the number of agents that it holds for. */
  of(request: EquivalenceClass): ReadonlyMap<string, number> {
    const known = this.#known.get(request);
    if (known !== undefined) return known;
    const { size } = this.#index;
    const isAffordable = this.#known.size * size <= maxLooks;
    const reasons = isAffordable ? this.#count(request) : new Map([['not possible now', size]]);
    this.#known.set(request, reasons);
    return reasons;
  }

  #count(request: EquivalenceClass): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const agent of this.#index.agents())
      for (const { reason } of request.obstaclesOn(agent)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return counts;
  }
}
