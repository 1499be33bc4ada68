import type { AgentInfo } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';

/** A way to place one task: it gets the capacity of others on its agent. */
export interface Preemption {
  readonly agentId: string;
  /** Tasks that have to stop; none if those that stop already suffice. */
  readonly victims: readonly Booking[];
  /** All tasks that stop there then, victims and others. The preemptor starts once they have gone. */
  readonly awaits: readonly string[];
  /** The gpus of the preemptor. */
  readonly gpus: readonly number[];
}

/** The known number of victims that a task of a class costs on an agent. */
export interface Candidate {
  readonly agent: AgentInfo;
  /** The version of the agent that this was found for. */
  readonly version: number;
  /** The number of victims, or a lower bound of it; Infinity if the agent cannot take the task. */
  readonly count: number;
  /** `bound`: holds under any rules of preemption. The others hold for one plan only. */
  readonly kind: 'bound' | 'estimate' | 'exact';
  readonly preemption?: Preemption;
}

/** The knowledge of one plan beyond the bookings. */
export interface StoppingAgents {
  /**
   * Agents with tasks that stop and that nobody waits for. Only there fewer victims may do than the bookings
   * say.
   */
  readonly agentIds: ReadonlySet<string>;
}

/** The agents for one class, the one with the fewest known victims first, then by id. */
export interface VictimCandidates {
  /** True if the last `open` was for this plan. */
  isOpenFor(plan: StoppingAgents): boolean;

  /** Begins a plan: forgets the results that held for an earlier plan only. */
  open(plan: StoppingAgents): void;

  /** The first candidate, for the agents as they are now. */
  first(): Candidate | undefined;

  /** Replaces the first candidate by a result of the plan for the same agent. */
  refine(candidate: Candidate): void;
}

/** True if `a` comes before `b`. */
export function isBetterCandidate(a: Candidate, b: Candidate): boolean {
  return a.count === b.count ? a.agent.id < b.agent.id : a.count < b.count;
}
