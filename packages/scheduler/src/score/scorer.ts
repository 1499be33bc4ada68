import type { FitPolicy } from '@berth/shared/model/job/placement-preferences';
import type { AgentInfo } from '../agent/agent-info.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { FragmentationScorer } from './fragmentation.js';
import { emptiestFirst, fullestFirst, type Ordering } from './ordering.js';

/** Chooses among the agents that pass all filters. */
export interface Scorer {
  /** The index shows agents in this order. */
  readonly ordering: Ordering;

  /**
   * The cost of an agent for one class; the least is the best, and the ordering decides among equals.
   * Undefined: the first agent of the ordering is the best, so a search ends there. A scorer with a cost
   * looks at every agent that fits.
   */
  costFor(request: EquivalenceClass): ((agent: AgentInfo) => number) | undefined;

  /** Notes a request before its agent is searched, for scorers that learn from the demand. */
  note(request: EquivalenceClass): void;

  /** The gpus of the chosen agent that the task gets. */
  gpusOn(agent: AgentInfo, request: EquivalenceClass): readonly number[];
}

/** A scorer that is nothing but an ordering. */
class OrderingScorer implements Scorer {
  readonly ordering: Ordering;

  constructor(ordering: Ordering) {
    this.ordering = ordering;
  }

  costFor(): undefined {
    return undefined;
  }

  note(): void {}

  gpusOn(agent: AgentInfo, { resources }: EquivalenceClass): readonly number[] {
    return agent.gpusFor(resources.gpuMillis);
  }
}

/** The scorers of one index, by fit policy. A policy without a scorer does not compile. */
export function createScorers() {
  return {
    binpack: new OrderingScorer(fullestFirst),
    spread: new OrderingScorer(emptiestFirst),
    fragmentation: new FragmentationScorer(),
  } satisfies Readonly<Record<FitPolicy, Scorer>>;
}

export type Scorers = ReturnType<typeof createScorers>;
