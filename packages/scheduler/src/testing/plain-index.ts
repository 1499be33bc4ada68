import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { AgentFacts, AgentInfo } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';
import { JobPlacements } from '../agent/job-placements.js';
import { ClassBook, type ClassTraits } from '../equivalence/class-book.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { type FilterTable, standardFilters } from '../filters/filter-table.js';
import type { AgentIndex, AgentSearch } from '../index/agent-index.js';
import { FailureTimes } from '../index/failure-times.js';
import { departed, IndexedAgent } from '../index/indexed-agent.js';
import {
  type Candidate,
  isBetterCandidate,
  type StoppingAgents,
  type VictimCandidates,
} from '../index/victim-candidates.js';
import type { PlacementRequest } from '../request/placement-request.js';
import { type Ordering, scaleOf } from '../score/ordering.js';
import { createScorers } from '../score/scorer.js';

/** The index without blocks, cursors, heaps and caches: each search looks at all agents and sorts them. */
export class PlainIndex implements AgentIndex {
  readonly scorers = createScorers();
  readonly #agents = new Map<string, IndexedAgent>();
  readonly #filters: FilterTable;
  readonly failures = new FailureTimes();
  readonly refusals = new FailureTimes();
  membership = 0;
  numberEnd = 0;

  constructor(filters: FilterTable = standardFilters) {
    this.#filters = filters;
  }

  get size(): number {
    return this.#agents.size;
  }

  get zoneCount(): number {
    return new Set([...this.#agents.values()].map(({ zone }) => zone).filter((zone) => zone !== '')).size;
  }

  agents(): Iterable<AgentInfo> {
    return this.#agents.values();
  }

  find(agentId: string): AgentInfo | undefined {
    return this.#agents.get(agentId);
  }

  placementsOf(jobId: string): JobPlacements | undefined {
    const placements = new JobPlacements();
    for (const agent of this.#agents.values())
      for (const booking of agent.bookings.values()) if (booking.jobId === jobId) placements.add(agent);
    return placements.count === 0 ? undefined : placements;
  }

  equivalenceClassOf(request: PlacementRequest, { refusedBy }: ClassTraits = {}): EquivalenceClass {
    return new ClassBook(this, this.#filters).add('', request, refusedBy);
  }

  first({ request, ordering, test }: AgentSearch): AgentInfo | undefined {
    return this.#sorted(ordering).find((agent) => agent.fits(request.resources) && test(agent));
  }

  visit(ordering: Ordering, resources: Resources, show: (agent: AgentInfo) => boolean): void {
    for (const agent of this.#sorted(ordering)) if (agent.fits(resources) && !show(agent)) return;
  }

  isBefore(ordering: Ordering, a: AgentInfo, b: AgentInfo): boolean {
    const sorted = this.#sorted(ordering);
    return sorted.indexOf(a) < sorted.indexOf(b);
  }

  candidatesFor(
    _request: EquivalenceClass,
    { boundOf }: { readonly boundOf: (agent: AgentInfo) => number },
  ): VictimCandidates {
    return new PlainCandidates([...this.#agents.values()], boundOf);
  }

  addAgent(facts: AgentFacts, bookings: Iterable<Booking> = []): AgentInfo {
    this.removeAgent(facts.id);
    const agent = new IndexedAgent(facts);
    agent.number = this.numberEnd;
    this.numberEnd += 1;
    this.membership += 1;
    this.#agents.set(agent.id, agent);
    for (const booking of bookings) agent.book(booking);
    return agent;
  }

  removeAgent(agentId: string): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    this.#agents.delete(agentId);
    agent.number = departed;
    this.membership += 1;
  }

  take({ id }: AgentInfo, booking: Booking): Booking {
    const agent = this.#agents.get(id);
    if (agent === undefined) throw new Error(`no agent ${id}`);
    const { gpuMillis } = booking.resources;
    const gpus = booking.gpus.length > 0 ? booking.gpus : agent.gpusFor(gpuMillis);
    agent.book({ ...booking, gpus });
    return { ...booking, gpus };
  }

  give({ id }: AgentInfo, taskId: string): Booking | undefined {
    const agent = this.#agents.get(id);
    const booking = agent?.bookings.get(taskId);
    if (booking !== undefined) agent?.unbook(booking);
    return booking;
  }

  #sorted(ordering: Ordering): readonly AgentInfo[] {
    const all = [...this.#agents.values()];
    const scale = scaleOf(all);
    return all.sort((a, b) => ordering.keyOf(a, scale) - ordering.keyOf(b, scale) || (a.id < b.id ? -1 : 1));
  }
}

/** Candidates of one preemptor: nothing is kept for the next one. */
class PlainCandidates implements VictimCandidates {
  readonly #agents: readonly AgentInfo[];
  readonly #boundOf: (agent: AgentInfo) => number;
  #known: Candidate[] = [];

  constructor(agents: readonly AgentInfo[], boundOf: (agent: AgentInfo) => number) {
    this.#agents = agents;
    this.#boundOf = boundOf;
  }

  isOpenFor(): boolean {
    return false;
  }

  open({ agentIds }: StoppingAgents): void {
    this.#known = this.#agents.map((agent) => {
      const count = agentIds.has(agent.id) ? 0 : this.#boundOf(agent);
      return { agent, version: agent.version, count, kind: 'bound' };
    });
  }

  first(): Candidate | undefined {
    const possible = this.#known.filter(({ count }) => count !== Number.POSITIVE_INFINITY);
    return possible.toSorted((a, b) => (isBetterCandidate(a, b) ? -1 : 1))[0];
  }

  refine(candidate: Candidate): void {
    this.#known = this.#known.map((each) => (each.agent === candidate.agent ? candidate : each));
  }
}
