import { JobPlaces } from '../agent/job-placements.js';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import { Verdicts } from '../equivalence/feasibility-cache.js';
import { RequestMix } from '../score/demand-profile.js';
import { freeShare, type Scale, scaleOf, weightedFree } from '../score/ordering.js';
import { ChangeLog } from './agent-changes.js';
import { Candidates } from './candidates.js';
import { type AgentFacts, AgentSlot, type Booking } from './indexed-agent.js';
import { AgentOrder } from './sorted-agents.js';

/** The index of an agent that its fleet no longer has. */
export const gone = -1;

/** The orders that a fleet keeps. */
export const fullestFirst = 0;
export const emptiestFirst = 1;

/**
 * The live agents and what runs on them, indexed for placement. It is changed one agent or one task at a time, at a cost
 * that hardly depends on how many there are. Not a value: who places on it gives it back as it was.
 */
export class Fleet {
  readonly #slots = new Map<string, AgentSlot>();
  /** How many agents each zone has; zones without any are left out, as is the one of agents that tell none. */
  readonly #zones = new Map<string, number>();
  readonly #jobs = new Map<string, JobPlaces>();
  readonly #failures = new Map<string, Map<string, number>>();
  readonly #refusals = new Map<string, Map<string, number>>();
  readonly #orders: (AgentOrder | undefined)[] = [];
  #scale: Scale = scaleOf([]);
  /** Whether a bigger agent came, or one left that may have been the biggest. */
  #isScaleOld = false;
  #nextIndex = 0;
  #membership = 0;
  /** Agents whose room or tenants changed, in order. */
  readonly changes = new ChangeLog<AgentSlot>();
  readonly mix = new RequestMix();
  /** What was found out for tasks that ask for the same. */
  readonly classes = new Map<string, RequestClass>();
  /** Whether agents pass the fixed rules of a spec, by its key. */
  readonly #verdicts = new Map<string, Verdicts>();
  /** Of classes whose tasks have preempted others, or would have. */
  readonly #candidates = new Map<RequestClass, Candidates>();

  get size(): number {
    return this.#slots.size;
  }

  /** Differs whenever an agent has come, gone, or come back with other attributes or another size. */
  get membership(): number {
    return this.#membership;
  }

  /** One more than the greatest index of an agent. */
  get indexEnd(): number {
    return this.#nextIndex;
  }

  /** How many zones have an agent. */
  get zones(): number {
    return this.#zones.size;
  }

  agents(): Iterable<AgentSlot> {
    return this.#slots.values();
  }

  find(agentId: string): AgentSlot | undefined {
    return this.#slots.get(agentId);
  }

  /** Where the job's tasks are. */
  placesOf(jobId: string): JobPlaces | undefined {
    return this.#jobs.get(jobId);
  }

  /** Adds an agent with what runs on it already, in place of one of the same id. */
  addAgent(facts: AgentFacts, bookings: Iterable<Booking> = []): AgentSlot {
    this.removeAgent(facts.id);
    const slot = new AgentSlot(facts);
    slot.index = this.#nextIndex;
    this.#nextIndex += 1;
    this.#slots.set(slot.id, slot);
    this.#countZone(slot.zone, 1);
    for (const booking of bookings) {
      slot.book(booking);
      this.#placesFor(booking.jobId).add(slot);
    }
    this.#isScaleOld = true;
    for (const order of this.#orders) order?.insert(slot);
    this.#membership += 1;
    this.changes.push(slot);
    return slot;
  }

  removeAgent(agentId: string): void {
    const slot = this.#slots.get(agentId);
    if (slot === undefined) return;
    for (const order of this.#orders) order?.remove(slot);
    this.#slots.delete(agentId);
    this.#countZone(slot.zone, -1);
    for (const { jobId } of slot.bookings.values()) this.#leave(jobId, slot);
    slot.index = gone;
    this.#isScaleOld = true;
    this.#membership += 1;
  }

  /** Books a task on an agent. Where its cards are not known it gets such as are free. */
  take(slot: AgentSlot, booking: Booking): Booking {
    const { gpuMillis } = booking.resources;
    const needsCards = gpuMillis > 0 && booking.cards.length === 0;
    const complete = needsCards ? { ...booking, cards: slot.cardsFor(gpuMillis) } : booking;
    this.#change(slot, complete, true);
    this.#placesFor(booking.jobId).add(slot);
    return complete;
  }

  /** Gives back what the task holds; nothing where it holds nothing there. */
  give(slot: AgentSlot, taskId: string): Booking | undefined {
    const booking = slot.bookings.get(taskId);
    if (booking === undefined) return undefined;
    this.#change(slot, booking, false);
    this.#leave(booking.jobId, slot);
    return booking;
  }

  /** Notes that a task of the job has failed on the agent. */
  noteFailure(jobId: string, agentId: string, atMs: number): void {
    noteLatest(this.#failures, jobId, { agentId, atMs });
  }

  /** Notes that the agent has not taken a task of the job. */
  noteRefusal(jobId: string, agentId: string, atMs: number): void {
    noteLatest(this.#refusals, jobId, { agentId, atMs });
  }

  /** Forgets what went wrong with the job's tasks. */
  forgetFailures(jobId: string): void {
    this.#failures.delete(jobId);
    this.#refusals.delete(jobId);
  }

  /** What is known of the fixed rules of specs with this key. */
  verdictsOf(specKey: string): Verdicts {
    const known = this.#verdicts.get(specKey);
    if (known !== undefined) return known;
    const verdicts = new Verdicts();
    this.#verdicts.set(specKey, verdicts);
    return verdicts;
  }

  /** The agents that may be made to take tasks of the class; all classes together know of about `limit` at most. */
  candidatesFor(request: RequestClass, limit: number): Candidates {
    const known = this.#candidates.get(request);
    if (known !== undefined) return known;
    if (this.#candidates.size * this.size > limit) this.#candidates.clear();
    const candidates = new Candidates(this, request);
    this.#candidates.set(request, candidates);
    return candidates;
  }

  /** Drops what was found out for tasks that ask for the same. */
  forgetClasses(): void {
    this.classes.clear();
    this.#candidates.clear();
    this.#verdicts.clear();
  }

  /** When tasks of the job failed, by agent. */
  failuresOf(jobId: string): ReadonlyMap<string, number> | undefined {
    return this.#failures.get(jobId);
  }

  /** When agents last refused tasks of the job. */
  refusalsOf(jobId: string): ReadonlyMap<string, number> | undefined {
    return this.#refusals.get(jobId);
  }

  /** The agents in that order, which is kept from its first use on. */
  order(which: typeof fullestFirst | typeof emptiestFirst): AgentOrder {
    this.#rescale();
    const known = this.#orders[which];
    if (known !== undefined) return known;
    const order = this.#newOrder(which);
    order.fill(this.#slots.values());
    this.#orders[which] = order;
    return order;
  }

  #newOrder(which: number): AgentOrder {
    return which === fullestFirst
      ? new AgentOrder(which, (slot) => weightedFree(slot, this.#scale))
      : new AgentOrder(which, (slot) => -freeShare(slot));
  }

  /** Fullness is measured against the biggest agent; when that changes, all agents are ordered anew. */
  #rescale(): void {
    if (!this.#isScaleOld) return;
    this.#isScaleOld = false;
    const scale = scaleOf(this.#slots.values());
    if (scale.cpu === this.#scale.cpu && scale.memory === this.#scale.memory && scale.gpu === this.#scale.gpu)
      return;
    this.#scale = scale;
    this.#orders[fullestFirst]?.fill(this.#slots.values());
    this.changes.forget();
  }

  /** Books or unbooks; the orders learn of it. */
  #change(slot: AgentSlot, booking: Booking, isTaken: boolean): void {
    const fullest = this.#orders[fullestFirst];
    const emptiest = this.#orders[emptiestFirst];
    const seat = fullest?.seatOf(slot);
    const otherSeat = emptiest?.seatOf(slot);
    if (isTaken) slot.book(booking);
    else slot.unbook(booking);
    if (seat !== undefined) fullest?.settle(slot, seat);
    if (otherSeat !== undefined) emptiest?.settle(slot, otherSeat);
    this.changes.push(slot);
  }

  #countZone(zone: string, by: 1 | -1): void {
    if (zone === '') return;
    const count = (this.#zones.get(zone) ?? 0) + by;
    if (count === 0) this.#zones.delete(zone);
    else this.#zones.set(zone, count);
  }

  #placesFor(jobId: string): JobPlaces {
    const known = this.#jobs.get(jobId);
    if (known !== undefined) return known;
    const places = new JobPlaces();
    this.#jobs.set(jobId, places);
    return places;
  }

  #leave(jobId: string, slot: AgentSlot): void {
    const places = this.#jobs.get(jobId);
    places?.remove(slot);
    if (places?.count === 0) this.#jobs.delete(jobId);
  }
}

interface Noted {
  readonly agentId: string;
  readonly atMs: number;
}

function noteLatest(all: Map<string, Map<string, number>>, jobId: string, { agentId, atMs }: Noted): void {
  const ofJob = all.get(jobId) ?? new Map<string, number>();
  ofJob.set(agentId, Math.max(atMs, ofJob.get(agentId) ?? 0));
  all.set(jobId, ofJob);
}
