import { Heap } from '../heap.js';
import type { AgentSlot, Booking } from './agent-slot.js';
import { chooseCards } from './cards.js';
import type { Fleet } from './fleet.js';
import { Amounts } from './lacking.js';
import {
  isRoomFor,
  looksElsewhere,
  mayComeTo,
  type Room,
  roomOf,
  roomWithout,
  weightOf,
} from './preempt-room.js';
import type { RequestClass } from './request-class.js';
import { findSet, prune } from './victim-sets.js';

/** Sets of tasks of one agent that are looked at for the smallest that makes room; after that a small one has to do. */
const maxSetsTried = 2_000;

/** Whose tasks may be stopped to make room. */
export interface PreemptionRules {
  /** How many tasks of the job may be stopped now, beside those that stop already; 0 for jobs that are not to be touched. */
  readonly allowanceOf: (jobId: string) => number;
  /** Whether the task has been told to stop: what it holds will be free. */
  readonly isStopping: (taskId: string) => boolean;
}

/** Room for one task on an agent, once some others have ended there. */
export interface Eviction {
  readonly agentId: string;
  /** Tasks that have to be told to stop; none where those that stop already suffice. */
  readonly victims: readonly Booking[];
  /** The cards that the task would get. */
  readonly cards: readonly number[];
}

/** Agents that one plan looks at, at most: with very many different waits some are left to a later plan. */
const maxLooks = 1_000_000;

/** What is known of the best eviction on an agent, as it was when the agent had that version. */
interface Candidate {
  readonly slot: AgentSlot;
  readonly version: number;
  /** The number of its victims, or, where there is no eviction yet, one that it is not below. */
  readonly count: number;
  readonly eviction?: Eviction;
}

/**
 * Finds room that a plan can make by stopping tasks. What it has once given away it counts as stopping from then on; the
 * task for which it did is to be booked on that agent, so that nobody else comes into the room while it is made.
 */
export class Preemptor {
  readonly #fleet: Fleet;
  readonly #rules: PreemptionRules;
  readonly #lacking = new Amounts();
  readonly #biggest = new Amounts();
  readonly #victims = new Set<string>();
  #looks = 0;
  readonly #victimsOfJob = new Map<string, number>();
  /** For each class the agents that may be made to take one of its tasks, the best first as far as is known. */
  readonly #candidates = new Map<RequestClass, Heap<Candidate>>();

  constructor(fleet: Fleet, rules: PreemptionRules) {
    this.#fleet = fleet;
    this.#rules = rules;
  }

  /**
   * The eviction with the fewest victims on any one agent, none of which could be spared; of several the one on the agent
   * with the lowest id. Undefined where no agent can be made to take a task of the class.
   */
  makeRoom(request: RequestClass): Eviction | undefined {
    // Where the verdict on an agent can change by itself, what was found out before is worth nothing.
    if (looksElsewhere(request)) this.#candidates.delete(request);
    const best = this.#best(request);
    for (const { taskId, jobId } of best?.victims ?? []) {
      this.#victims.add(taskId);
      this.#victimsOfJob.set(jobId, (this.#victimsOfJob.get(jobId) ?? 0) + 1);
    }
    return best;
  }

  /** While a plan goes on evictions only get worse, but on agents that change: so what is first and still right is best. */
  #best(request: RequestClass): Eviction | undefined {
    const heap = this.#candidates.get(request) ?? this.#fill(request);
    for (let first = heap.first; first !== undefined; first = heap.first) {
      const { slot, eviction } = first;
      const isRight =
        first.version === slot.version && (eviction === undefined || this.#isAllowed(eviction.victims));
      if (isRight && eviction !== undefined) return eviction;
      const now = isRight ? this.#evaluate(first, request) : this.#estimate(slot, request);
      if (now === undefined) heap.dropFirst();
      else heap.replaceFirst(now);
    }
    return undefined;
  }

  #fill(request: RequestClass): Heap<Candidate> {
    if (this.#looks > maxLooks) return nobody;
    this.#looks += this.#fleet.size;
    const candidates: Candidate[] = [];
    for (const slot of this.#fleet.agents()) {
      const candidate = this.#estimate(slot, request);
      if (candidate !== undefined) candidates.push(candidate);
    }
    const heap = new Heap(candidates, isBetter);
    this.#candidates.set(request, heap);
    return heap;
  }

  /** How few victims the agent may do with at best; undefined where it will not do at all. Cheap, for all agents are asked. */
  #estimate(slot: AgentSlot, request: RequestClass): Candidate | undefined {
    if (!mayComeTo(slot, request)) return undefined;
    const { resources, spec } = request;
    this.#lacking.setLacking(resources, slot);
    const { exclusive, tenants } = this.#lookAtTenants(slot);
    const least = spec.conditions.has('exclusiveHost') ? tenants : Math.min(exclusive, 1);
    const count = Math.max(least, this.#biggest.timesFor(this.#lacking));
    return Number.isFinite(count) ? { slot, version: slot.version, count } : undefined;
  }

  /** Notes what those that stop give back, and the most that one victim would. Tells who else is there. */
  #lookAtTenants(slot: AgentSlot): { readonly exclusive: number; readonly tenants: number } {
    this.#biggest.clear();
    let exclusive = slot.exclusiveTasks;
    let tenants = slot.bookings.size;
    for (const { taskId, jobId, resources, isExclusive } of slot.bookings.values()) {
      if (this.#isStopping(taskId)) {
        tenants -= 1;
        if (isExclusive) exclusive -= 1;
        this.#lacking.subtract(resources);
      } else if (this.#mayStop(jobId)) this.#biggest.widen(resources);
    }
    return { exclusive, tenants };
  }

  #evaluate({ slot, version, count }: Candidate, request: RequestClass): Candidate | undefined {
    const stopping = [...slot.bookings.values()].filter(({ taskId }) => this.#isStopping(taskId));
    const room = stopping.reduce(roomWithout, roomOf(slot));
    const victims = this.#fewestVictims(slot, request, { room, least: count });
    if (victims === undefined) return undefined;
    const { cards } = victims.reduce(roomWithout, room);
    const eviction = {
      agentId: slot.id,
      victims,
      cards: chooseCards(request.resources.gpuMillis, cards) ?? [],
    };
    return { slot, version, count: victims.length, eviction };
  }

  #fewestVictims(
    slot: AgentSlot,
    request: RequestClass,
    { room, least }: { readonly room: Room; readonly least: number },
  ): readonly Booking[] | undefined {
    if (isRoomFor(request, slot, room)) return [];
    const willing = [...slot.bookings.values()]
      .filter((booking) => !this.#isStopping(booking.taskId) && this.#mayStop(booking.jobId))
      .sort((a, b) => weightOf(a, slot) - weightOf(b, slot) || (a.taskId < b.taskId ? -1 : 1));
    const fits = (victims: readonly Booking[]) =>
      this.#isAllowed(victims) && isRoomFor(request, slot, victims.reduce(roomWithout, room));
    // What does not suffice if all of them go, needs no closer look.
    if (!isRoomFor(request, slot, willing.reduce(roomWithout, room))) return undefined;
    const budget = { left: maxSetsTried };
    for (let count = Math.max(1, least); count <= willing.length && budget.left > 0; count += 1) {
      const set = findSet(willing, { count, fits, budget });
      if (set !== undefined) return set;
    }
    const all = this.#withinAllowance(willing);
    return fits(all) ? prune(all, fits) : undefined;
  }

  /** As many of the tasks as may be stopped, the biggest of each job. */
  #withinAllowance(willing: readonly Booking[]): readonly Booking[] {
    const chosen: Booking[] = [];
    for (const booking of willing.toReversed()) {
      if (this.#isAllowed([...chosen.filter(({ jobId }) => jobId === booking.jobId), booking]))
        chosen.push(booking);
    }
    return chosen;
  }

  /** Whether one more task of the job may be stopped. */
  #mayStop(jobId: string): boolean {
    return (this.#victimsOfJob.get(jobId) ?? 0) < this.#rules.allowanceOf(jobId);
  }

  #isStopping(taskId: string): boolean {
    return this.#victims.has(taskId) || this.#rules.isStopping(taskId);
  }

  /** Whether all of them may be stopped beside those that are. */
  #isAllowed(victims: readonly Booking[]): boolean {
    return victims.every(({ jobId }) => {
      let count = this.#victimsOfJob.get(jobId) ?? 0;
      for (const victim of victims) if (victim.jobId === jobId) count += 1;
      return count <= this.#rules.allowanceOf(jobId);
    });
  }
}

function isBetter(a: Candidate, b: Candidate): boolean {
  return a.count === b.count ? a.slot.id < b.slot.id : a.count < b.count;
}

const nobody: Heap<Candidate> = new Heap<Candidate>([], isBetter);
