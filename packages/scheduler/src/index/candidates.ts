import { mightComeTo, roomBeside } from '../agent/free-capacity.js';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import { Heap } from '../heap/heap.js';
import { Amounts } from '../preempt/shortfall.js';
import type { Fleet } from './block-index.js';
import type { AgentSlot, Booking } from './indexed-agent.js';

/** Room for one task on an agent, once some others have ended there. */
export interface Eviction {
  readonly agentId: string;
  /** Tasks that have to be told to stop; none where those that stop already suffice. */
  readonly victims: readonly Booking[];
  /** All tasks that stop there then, the victims and those that stop already: the task starts once they have gone. */
  readonly awaits: readonly string[];
  /** The cards that the task would get. */
  readonly cards: readonly number[];
}

/** What is known of the victims that a task of a class would cost on an agent. */
export interface Candidate {
  readonly slot: AgentSlot;
  /** Of the agent, when this was found out. */
  readonly version: number;
  /** The number of its victims, or one that it is not below; Infinity where the agent will not do. */
  readonly count: number;
  /** `bound`: whatever the rules of a plan are; the others hold for one plan only. */
  readonly kind: 'bound' | 'estimate' | 'eviction';
  readonly eviction?: Eviction;
}

/** What a plan knows beyond what is booked. */
export interface Stopping {
  /** Agents with tasks that stop and that nobody waits for: only there fewer may do than the bookings tell. */
  readonly agentIds: ReadonlySet<string>;
}

/** So many changes are looked at one by one even where there are fewer agents. */
const fewChanges = 256;

/**
 * The agents that may be made to take a task of one class, the one with the fewest victims first as far as is known. What
 * the bookings alone tell is kept from plan to plan, and found out anew only for agents that have changed: so a plan costs
 * nothing for agents that it has no use for.
 */
export class Candidates {
  readonly #fleet: Fleet;
  readonly #request: RequestClass;
  /** What is valid of an agent; anything else that the heap has of it is left over. */
  readonly #current = new Map<AgentSlot, Candidate>();
  #heap = new Heap<Candidate>([], isBetter);
  /** The number of the first change of the fleet that is not in here. */
  #seen = -1;
  #plan: Stopping | undefined;
  /** Agents of which something is known that holds for this plan only. */
  readonly #ofPlan = new Set<AgentSlot>();

  constructor(fleet: Fleet, request: RequestClass) {
    this.#fleet = fleet;
    this.#request = request;
  }

  /** Whether what is known was found out for this plan. */
  isOpenFor(plan: Stopping): boolean {
    return this.#plan === plan;
  }

  /** Forgets what held for an earlier plan only. */
  open(plan: Stopping): void {
    this.#plan = plan;
    const before = [...this.#ofPlan];
    this.#ofPlan.clear();
    if (!this.#catchUp()) return;
    for (const slot of before) if (this.#isHere(slot)) this.#look(slot);
    for (const agentId of plan.agentIds) {
      const slot = this.#fleet.find(agentId);
      if (slot !== undefined) this.#look(slot);
    }
  }

  /** The first that is known, of the agents as they are now. */
  first(): Candidate | undefined {
    this.#catchUp();
    let first = this.#heap.first;
    while (first !== undefined && (this.#current.get(first.slot) !== first || !this.#isHere(first.slot))) {
      if (!this.#isHere(first.slot)) this.#current.delete(first.slot);
      this.#heap.dropFirst();
      first = this.#heap.first;
    }
    return first;
  }

  /** Replaces what `first` told by what the plan has found out of the same agent. */
  refine(candidate: Candidate): void {
    this.#ofPlan.add(candidate.slot);
    this.#current.set(candidate.slot, candidate);
    this.#replaceFirst(candidate);
  }

  /** Takes note of agents that have changed; false where it was simpler to look at all. */
  #catchUp(): boolean {
    const { changes, size } = this.#fleet;
    if (this.#seen === changes.end) return true;
    const isKnown = this.#seen >= 0 && changes.reaches(this.#seen, Math.max(size, fewChanges));
    // What is left over of agents would fill the heap in the end.
    if (!isKnown || this.#heap.size > 4 * Math.max(size, fewChanges)) {
      this.#fill();
      return false;
    }
    for (let number = this.#seen; number < changes.end; number += 1) {
      const slot = changes.at(number);
      if (slot === undefined || !this.#isHere(slot)) continue;
      if (this.#current.get(slot)?.version !== slot.version) this.#look(slot);
    }
    this.#seen = changes.end;
    return true;
  }

  #fill(): void {
    this.#current.clear();
    const all: Candidate[] = [];
    for (const slot of this.#fleet.agents()) {
      const candidate = this.#boundOf(slot);
      this.#current.set(slot, candidate);
      if (candidate.count !== Number.POSITIVE_INFINITY) all.push(candidate);
    }
    this.#heap = new Heap(all, isBetter);
    this.#seen = this.#fleet.changes.end;
  }

  #look(slot: AgentSlot): void {
    const candidate = this.#boundOf(slot);
    const isFirst = this.#heap.first !== undefined && this.#heap.first === this.#current.get(slot);
    this.#current.set(slot, candidate);
    // Mostly it is the first that a plan has just made use of.
    if (isFirst) this.#replaceFirst(candidate);
    else if (candidate.count !== Number.POSITIVE_INFINITY) this.#heap.push(candidate);
  }

  #replaceFirst(candidate: Candidate): void {
    if (candidate.count === Number.POSITIVE_INFINITY) this.#heap.dropFirst();
    else this.#heap.replaceFirst(candidate);
  }

  #boundOf(slot: AgentSlot): Candidate {
    const isStopping = this.#plan?.agentIds.has(slot.id) ?? false;
    if (isStopping) this.#ofPlan.add(slot);
    const count = isStopping ? 0 : leastVictims(slot, this.#request);
    return { slot, version: slot.version, count, kind: 'bound' };
  }

  #isHere(slot: AgentSlot): boolean {
    return this.#fleet.find(slot.id) === slot;
  }
}

/** Used anew for each agent. */
const lacking = new Amounts();
const biggest = new Amounts();

/**
 * How few victims the agent may do with at best, if nothing stops there but what others wait for already, and all but
 * critical tasks may be stopped.
 */
function leastVictims(slot: AgentSlot, request: RequestClass): number {
  if (!mightComeTo(slot, request)) return Number.POSITIVE_INFINITY;
  const { awaited } = slot;
  let tenants = slot.bookings.size;
  let exclusive = slot.exclusiveTasks;
  if (awaited.size === 0) lacking.setLacking(request.resources, slot);
  else {
    const room = roomBeside(slot, ({ taskId }) => awaited.has(taskId));
    lacking.setLackingOf(request.resources, room.free);
    ({ tenants, exclusive } = room);
  }
  biggest.clear();
  let flex = 0;
  for (const { taskId, resources, isCritical } of slot.bookings.values()) {
    if (isCritical || awaited.has(taskId)) continue;
    flex += 1;
    biggest.widen(resources);
  }
  const others = request.spec.conditions.has('exclusiveHost') ? tenants : Math.min(exclusive, 1);
  const count = Math.max(others, biggest.timesFor(lacking));
  return count > flex ? Number.POSITIVE_INFINITY : count;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  return a.count === b.count ? a.slot.id < b.slot.id : a.count < b.count;
}
