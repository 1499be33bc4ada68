import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { AgentFacts, AgentInfo } from '../agent/agent-info.js';
import type { AgentsView } from '../agent/agents-view.js';
import type { Booking } from '../agent/booking.js';
import type { ClassTraits } from '../equivalence/class-book.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { PlacementRequest } from '../request/placement-request.js';
import type { Ordering } from '../score/ordering.js';
import type { Scorers } from '../score/scorer.js';
import type { FailureTimes } from './failure-times.js';
import type { VictimCandidates } from './victim-candidates.js';

/** `preferred`: the search is for an agent that satisfies every preference, too. */
export type SearchPurpose = 'feasible' | 'preferred';

/** A search for the first agent of an ordering. */
export interface AgentSearch {
  readonly request: EquivalenceClass;
  readonly ordering: Ordering;
  readonly purpose: SearchPurpose;
  /** The open search domain to look into; undefined: look at all agents. */
  readonly domain: string | undefined;
  /** The most tasks of the request's job that the agent may have; undefined: any number. */
  readonly level: number | undefined;
  /** False if results can change for agents that did not change: then each search looks at all agents. */
  readonly canResume: boolean;
  /**
   * The filters, and the conditions beside filters and capacity. It is the same for each search of the class
   * with this purpose, domain and level.
   */
  readonly test: (agent: AgentInfo) => boolean;
}

/**
 * The live agents and the tasks on them, as placement searches them. Plans book tasks on it and take them
 * back. Two classes implement it: `BlockIndex` for cells of any size, and `PlainIndex` in `testing/`, without
 * any memory. Both give the same plans.
 */
export interface AgentIndex extends AgentsView {
  readonly scorers: Scorers;
  /** The times at which a task of a job has failed on an agent. */
  readonly failures: FailureTimes;
  /** The times at which an agent has refused a task of a job. */
  readonly refusals: FailureTimes;

  /** The class of the request. */
  equivalenceClassOf(request: PlacementRequest, traits?: ClassTraits): EquivalenceClass;

  /** The first agent that fits the request and passes the test. */
  first(search: AgentSearch): AgentInfo | undefined;

  /** Shows the agents that fit, in order, until `show` returns false. */
  visit(ordering: Ordering, resources: Resources, show: (agent: AgentInfo) => boolean): void;

  /** True if `a` comes before `b`. */
  isBefore(ordering: Ordering, a: AgentInfo, b: AgentInfo): boolean;

  /**
   * The agents that preemption can make take a task of the class. `boundOf` is the number of victims that an
   * agent needs at least, by its bookings alone. All classes together keep about `limit` agents at most.
   */
  candidatesFor(
    request: EquivalenceClass,
    options: { readonly limit: number; readonly boundOf: (agent: AgentInfo) => number },
  ): VictimCandidates;

  /** Adds an agent with its tasks, in place of one with the same id. */
  addAgent(facts: AgentFacts, bookings?: Iterable<Booking>): AgentInfo;

  removeAgent(agentId: string): void;

  /** Books a task on an agent. A task without known gpus gets free ones. */
  take(agent: AgentInfo, booking: Booking): Booking;

  /** Gives back the capacity of the task; undefined if it has none there. */
  give(agent: AgentInfo, taskId: string): Booking | undefined;
}
