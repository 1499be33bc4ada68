import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { AgentIndex } from '../index/agent-index.js';
import { HolderNames } from './holder-names.js';
import { reasonDetails } from './reason-details.js';

/**
 * Agents that one plan looks at to count reasons, at most. A plan with very many different waits explains
 * less of each.
 */
const maxLooks = 400_000;

/** The reasons why agents cannot take a task. */
export interface CountedReasons {
  /** Each reason with the number of agents that it holds for. */
  readonly reasons: ReadonlyMap<string, number>;
  /** The numbers behind some of the reasons, as text for people. */
  readonly details: ReadonlyMap<string, string>;
  /** The tasks in the way, as text for people, by reason. */
  readonly takenBy: ReadonlyMap<string, string>;
}

/** For each class the reasons as they were when a plan first asked for them. */
export class ReasonCounts {
  readonly #index: AgentIndex;
  readonly #known = new Map<EquivalenceClass, CountedReasons>();

  constructor(index: AgentIndex) {
    this.#index = index;
  }

  of(request: EquivalenceClass): CountedReasons {
    const known = this.#known.get(request);
    if (known !== undefined) return known;
    const { size } = this.#index;
    const isAffordable = this.#known.size * size <= maxLooks;
    const reasons = isAffordable ? this.#count(request) : notCounted(size);
    this.#known.set(request, reasons);
    return reasons;
  }

  #count(request: EquivalenceClass): CountedReasons {
    const reasons = new Map<string, number>();
    const holders = new HolderNames();
    for (const agent of this.#index.agents()) {
      const obstacles = request.obstaclesOn(agent);
      holders.note(obstacles);
      for (const { reason } of obstacles) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
    const details = reasonDetails(request, [...this.#index.agents()], reasons);
    return { reasons, takenBy: holders.texts(), details };
  }
}

function notCounted(agents: number): CountedReasons {
  return { reasons: new Map([['not possible now', agents]]), takenBy: new Map(), details: new Map() };
}
