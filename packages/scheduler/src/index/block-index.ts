import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { AgentFacts, AgentInfo } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';
import { JobPlacements } from '../agent/job-placements.js';
import { ClassBook, type ClassTraits, classKeyOf } from '../equivalence/class-book.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import { type FilterTable, standardFilters } from '../filters/filter-table.js';
import type { PlacementRequest } from '../request/placement-request.js';
import { type Ordering, orderings, type Scale, scaleOf } from '../score/ordering.js';
import { createScorers } from '../score/scorer.js';
import { AgentChanges } from './agent-changes.js';
import type { AgentIndex, AgentSearch } from './agent-index.js';
import { CandidateHeap } from './candidate-heap.js';
import { Cursors } from './cursors.js';
import { FailureTimes } from './failure-times.js';
import { departed, IndexedAgent } from './indexed-agent.js';
import { resume } from './resume.js';
import { type Location, SortedAgents, start } from './sorted-agents.js';

/**
 * An index with searches that hardly depend on the number of agents. It keeps agents sorted in blocks,
 * resumes searches at cursors, and caches the results of filters. It changes by one agent or one task at a
 * time.
 */
export class BlockIndex implements AgentIndex {
  readonly scorers = createScorers();
  readonly #agents = new Map<string, IndexedAgent>();
  /**
   * The number of agents in each zone. Zones without agents are left out, and so are agents without a zone.
   */
  readonly #zones = new Map<string, number>();
  readonly #placements = new Map<string, JobPlacements>();
  readonly failures = new FailureTimes();
  readonly refusals = new FailureTimes();
  readonly #orders: (SortedAgents | undefined)[] = [];
  /** Used by one change at a time. */
  readonly #locations: (Location | undefined)[] = [];
  #scale: Scale = scaleOf([]);
  /** True if a bigger agent came, or one left that may have been the biggest. */
  #isScaleOld = false;
  #nextNumber = 0;
  #membership = 0;
  readonly #changes = new AgentChanges<IndexedAgent>();
  readonly #classes: ClassBook;
  readonly #cursors = new Map<EquivalenceClass, Cursors>();
  /** Of classes that have asked for preemption. */
  readonly #candidates = new Map<EquivalenceClass, CandidateHeap>();

  constructor(filters: FilterTable = standardFilters) {
    this.#classes = new ClassBook(this, filters);
  }

  get size(): number {
    return this.#agents.size;
  }

  get membership(): number {
    return this.#membership;
  }

  get numberEnd(): number {
    return this.#nextNumber;
  }

  get zoneCount(): number {
    return this.#zones.size;
  }

  agents(): Iterable<AgentInfo> {
    return this.#agents.values();
  }

  find(agentId: string): AgentInfo | undefined {
    return this.#agents.get(agentId);
  }

  placementsOf(jobId: string): JobPlacements | undefined {
    return this.#placements.get(jobId);
  }

  equivalenceClassOf(request: PlacementRequest, traits: ClassTraits = {}): EquivalenceClass {
    const key = classKeyOf(request, traits);
    const known = this.#classes.find(key);
    if (known !== undefined) return known;
    if (this.#classes.isFull) {
      this.#classes.clear();
      this.#cursors.clear();
      this.#candidates.clear();
    }
    return this.#classes.add(key, request, traits.refusedBy);
  }

  first(search: AgentSearch): AgentInfo | undefined {
    const { request, ordering, test, canResume } = search;
    const order = this.#order(ordering);
    const { resources } = request;
    if (!canResume) return order.findFirst(resources, start, test);
    const cursor = this.#cursorsOf(request).of(search);
    return resume(cursor, { order, changes: this.#changes, resources, test });
  }

  visit(ordering: Ordering, resources: Resources, show: (agent: AgentInfo) => boolean): void {
    this.#order(ordering).visit(resources, start, show);
  }

  isBefore(ordering: Ordering, a: AgentInfo, b: AgentInfo): boolean {
    const order = this.#order(ordering);
    return order.isBefore(own(a), order.positionOf(own(b)));
  }

  candidatesFor(
    request: EquivalenceClass,
    { limit, boundOf }: Parameters<AgentIndex['candidatesFor']>[1],
  ): CandidateHeap {
    const known = this.#candidates.get(request);
    if (known !== undefined) return known;
    if (this.#candidates.size * this.size > limit) this.#candidates.clear();
    const candidates = new CandidateHeap({ view: this, changes: this.#changes, boundOf });
    this.#candidates.set(request, candidates);
    return candidates;
  }

  addAgent(facts: AgentFacts, bookings: Iterable<Booking> = []): AgentInfo {
    this.removeAgent(facts.id);
    const agent = new IndexedAgent(facts);
    agent.number = this.#nextNumber;
    this.#nextNumber += 1;
    this.#agents.set(agent.id, agent);
    this.#countZone(agent.zone, 1);
    for (const booking of bookings) {
      agent.book(booking);
      this.#placementsFor(booking.jobId).add(agent);
    }
    this.#isScaleOld = true;
    for (const order of this.#orders) order?.insert(agent);
    this.#membership += 1;
    this.#noteChange(agent);
    return agent;
  }

  removeAgent(agentId: string): void {
    const agent = this.#agents.get(agentId);
    if (agent === undefined) return;
    for (const order of this.#orders) order?.remove(agent);
    this.#agents.delete(agentId);
    this.#countZone(agent.zone, -1);
    for (const { jobId } of agent.bookings.values()) this.#leave(jobId, agent);
    agent.number = departed;
    this.#isScaleOld = true;
    this.#membership += 1;
  }

  take(agent: AgentInfo, booking: Booking): Booking {
    const { gpuMillis } = booking.resources;
    const needsGpus = gpuMillis > 0 && booking.gpus.length === 0;
    const complete = needsGpus ? { ...booking, gpus: agent.gpusFor(gpuMillis) } : booking;
    this.#change(own(agent), complete, true);
    this.#placementsFor(booking.jobId).add(agent);
    return complete;
  }

  give(agent: AgentInfo, taskId: string): Booking | undefined {
    const booking = agent.bookings.get(taskId);
    if (booking === undefined) return undefined;
    this.#change(own(agent), booking, false);
    this.#leave(booking.jobId, agent);
    return booking;
  }

  /** The agents in that ordering. It is kept from its first use on. */
  #order(ordering: Ordering): SortedAgents {
    this.#rescale();
    const known = this.#orders[ordering.number];
    if (known !== undefined) return known;
    const order = new SortedAgents(ordering.number, (agent) => ordering.keyOf(agent, this.#scale));
    order.fill(this.#agents.values());
    this.#orders[ordering.number] = order;
    return order;
  }

  /** Keys are measured against the biggest agent. When that changes, all agents are sorted anew. */
  #rescale(): void {
    if (!this.#isScaleOld) return;
    this.#isScaleOld = false;
    const scale = scaleOf(this.#agents.values());
    if (scale.cpu === this.#scale.cpu && scale.memory === this.#scale.memory && scale.gpu === this.#scale.gpu)
      return;
    this.#scale = scale;
    for (const ordering of scaledOrderings) this.#orders[ordering.number]?.fill(this.#agents.values());
    this.#changes.forget();
  }

  #cursorsOf(request: EquivalenceClass): Cursors {
    const known = this.#cursors.get(request);
    if (known !== undefined) return known;
    const cursors = new Cursors();
    this.#cursors.set(request, cursors);
    return cursors;
  }

  /** Books or unbooks a task, and tells the orderings. */
  #change(agent: IndexedAgent, booking: Booking, isTaken: boolean): void {
    const orders = this.#orders;
    for (let at = 0; at < orders.length; at += 1) this.#locations[at] = orders[at]?.locate(agent);
    if (isTaken) agent.book(booking);
    else agent.unbook(booking);
    for (let at = 0; at < orders.length; at += 1) {
      const location = this.#locations[at];
      if (location !== undefined) orders[at]?.update(agent, location);
    }
    this.#noteChange(agent);
  }

  #noteChange(agent: IndexedAgent): void {
    agent.lastChange = this.#changes.end;
    this.#changes.push(agent);
  }

  #countZone(zone: string, by: 1 | -1): void {
    if (zone === '') return;
    const count = (this.#zones.get(zone) ?? 0) + by;
    if (count === 0) this.#zones.delete(zone);
    else this.#zones.set(zone, count);
  }

  #placementsFor(jobId: string): JobPlacements {
    const known = this.#placements.get(jobId);
    if (known !== undefined) return known;
    const placements = new JobPlacements();
    this.#placements.set(jobId, placements);
    return placements;
  }

  #leave(jobId: string, agent: AgentInfo): void {
    const placements = this.#placements.get(jobId);
    placements?.remove(agent);
    if (placements?.count === 0) this.#placements.delete(jobId);
  }
}

const scaledOrderings = orderings.filter(({ usesScale }) => usesScale);

/** The agent as an index changes it. Every agent that an index gives out is one of its own. */
function own(agent: AgentInfo): IndexedAgent {
  if (!(agent instanceof IndexedAgent)) throw new Error(`agent ${agent.id} is of no index`);
  return agent;
}
