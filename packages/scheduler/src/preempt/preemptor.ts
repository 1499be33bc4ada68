import { chooseGpus } from '@berth/shared/model/resources/gpus';
import {
  isRoomFor,
  looksElsewhere,
  mayComeTo,
  type Room,
  roomBeside,
  roomWithout,
  weightOf,
} from '../agent/free-capacity.js';
import type { RequestClass } from '../equivalence/equivalence-class.js';
import type { Fleet } from '../index/block-index.js';
import type { Candidate, Candidates, Eviction, Stopping } from '../index/candidates.js';
import type { AgentSlot, Booking } from '../index/indexed-agent.js';
import { Amounts } from './shortfall.js';
import { findSet, prune } from './victim-search.js';

/** Sets of tasks of one agent that are looked at for the smallest that makes room; after that a small one has to do. */
const maxSetsTried = 2_000;

/** Whose tasks may be stopped to make room. */
export interface PreemptionRules {
  /** How many tasks of the job may be stopped now, beside those that stop already; 0 for jobs that are not to be touched. */
  readonly allowanceOf: (jobId: string) => number;
  /** Whether the task has been told to stop: what it holds will be free. */
  readonly isStopping: (taskId: string) => boolean;
  /** The agents that have such tasks that nobody waits for yet, and maybe some others. */
  readonly stoppingOn: Iterable<string>;
  /** The most tasks that may be stopped for one task: one commit orders all of them to stop. Absent: any number. */
  readonly maxVictims?: number;
}

/** An agent of so few tasks is as soon looked at closely as estimated. */
const fewTasks = 8;

/** Agents that one plan looks at, at most: with very many different waits some are left to a later plan. */
const maxLooks = 1_000_000;

/**
 * Finds room that a plan can make by stopping tasks. The task for which it does is to be booked on that agent, as one that
 * waits for them: so nobody else comes into that room, and they count as stopping from then on.
 */
export class Preemptor {
  readonly #fleet: Fleet;
  readonly #rules: PreemptionRules;
  readonly #lacking = new Amounts();
  readonly #biggest = new Amounts();
  #looks = 0;
  readonly #victimsOfJob = new Map<string, number>();
  /** Classes whose agents this plan has begun to look at. */
  readonly #begun = new Set<RequestClass>();
  readonly #stopping: Stopping;

  constructor(fleet: Fleet, rules: PreemptionRules) {
    this.#fleet = fleet;
    this.#rules = rules;
    this.#stopping = { agentIds: new Set(rules.stoppingOn) };
  }

  /**
   * The eviction with the fewest victims on any one agent, none of which could be spared; of several the one on the agent
   * with the lowest id. Undefined where no agent can be made to take a task of the class.
   */
  makeRoom(request: RequestClass): Eviction | undefined {
    const candidates = this.#candidatesFor(request);
    const best = candidates && this.#best(request, candidates);
    if (best === undefined) return undefined;
    for (const { jobId } of best.victims)
      this.#victimsOfJob.set(jobId, (this.#victimsOfJob.get(jobId) ?? 0) + 1);
    return best;
  }

  /** While a plan goes on evictions only get worse, but on agents that change: so what is first and still right is best. */
  #best(request: RequestClass, candidates: Candidates): Eviction | undefined {
    for (let first = candidates.first(); first !== undefined; first = candidates.first()) {
      const next = this.#lookAt(first, request);
      const { eviction } = next;
      // What turns out to be no worse than was known is still the first.
      if (eviction !== undefined && next.count <= first.count && this.#isAllowed(eviction.victims))
        return eviction;
      candidates.refine(next);
    }
    return undefined;
  }

  /** Finds out more of an agent than is known. */
  #lookAt(known: Candidate, request: RequestClass): Candidate {
    const { slot, kind, count, eviction } = known;
    if (eviction !== undefined && this.#isAllowed(eviction.victims)) return known;
    const { version } = slot;
    if (kind !== 'estimate' && !mayComeTo(slot, request))
      return { slot, version, count: Number.POSITIVE_INFINITY, kind: 'estimate' };
    const room = roomBeside(slot, this.#stoppingOn(slot));
    if (kind === 'estimate' || slot.bookings.size <= fewTasks) return this.#evaluate(known, request, room);
    const estimate = this.#estimate(slot, request, room);
    return estimate.count > count ? estimate : this.#evaluate(estimate, request, room);
  }

  /** Undefined where the plan has looked at too many agents before. */
  #candidatesFor(request: RequestClass): Candidates | undefined {
    // Where the verdict on an agent can change by itself, what was found out before is worth nothing.
    const isNew = looksElsewhere(request) || !this.#begun.has(request);
    if (isNew && this.#looks > maxLooks) return undefined;
    if (isNew) this.#looks += this.#fleet.size;
    this.#begun.add(request);
    const candidates = this.#fleet.candidatesFor(request, maxLooks);
    if (isNew || !candidates.isOpenFor(this.#stopping)) candidates.open(this.#stopping);
    return candidates;
  }

  /** How few victims the agent may do with at best, by the rules; those that stop already are none. */
  #estimate(slot: AgentSlot, request: RequestClass, { free, tenants, exclusive }: Room): Candidate {
    const isStopping = this.#stoppingOn(slot);
    this.#lacking.setLackingOf(request.resources, free);
    this.#biggest.clear();
    for (const booking of slot.bookings.values())
      if (!isStopping(booking) && this.#mayStop(booking)) this.#biggest.widen(booking.resources);
    const least = request.spec.conditions.has('exclusiveHost') ? tenants : Math.min(exclusive, 1);
    const count = Math.max(least, this.#biggest.timesFor(this.#lacking));
    return { slot, version: slot.version, count, kind: 'estimate' };
  }

  #evaluate({ slot, version, count }: Candidate, request: RequestClass, room: Room): Candidate {
    const isStopping = this.#stoppingOn(slot);
    const victims = this.#fewestVictims(slot, request, { room, least: count });
    const kind = 'eviction';
    if (victims === undefined || victims.length > (this.#rules.maxVictims ?? victims.length))
      return { slot, version, count: Number.POSITIVE_INFINITY, kind };
    const { cards } = roomWithout(room, victims);
    const stopping = [...slot.bookings.values()].filter(isStopping);
    const eviction = {
      agentId: slot.id,
      victims,
      awaits: [...stopping, ...victims].map(({ taskId }) => taskId),
      cards: chooseGpus(request.resources.gpuMillis, cards) ?? [],
    };
    return { slot, version, count: victims.length, kind, eviction };
  }

  #fewestVictims(
    slot: AgentSlot,
    request: RequestClass,
    { room, least }: { readonly room: Room; readonly least: number },
  ): readonly Booking[] | undefined {
    if (isRoomFor(request, slot, room)) return [];
    const isStopping = this.#stoppingOn(slot);
    const willing = [...slot.bookings.values()]
      .filter((booking) => !isStopping(booking) && this.#mayStop(booking))
      .sort((a, b) => weightOf(a, slot) - weightOf(b, slot) || (a.taskId < b.taskId ? -1 : 1));
    const fits = (victims: readonly Booking[]) =>
      this.#isAllowed(victims) && isRoomFor(request, slot, roomWithout(room, victims));
    const single = least > 1 ? undefined : willing.find((victim) => fits([victim]));
    if (single !== undefined) return [single];
    // What does not suffice if all of them go, needs no closer look.
    if (!isRoomFor(request, slot, roomWithout(room, willing))) return undefined;
    const budget = { left: maxSetsTried };
    for (let count = Math.max(2, least); count <= willing.length && budget.left > 0; count += 1) {
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

  /** Whether the task may be stopped, as one more of its job. */
  #mayStop({ jobId, isCritical = false }: Booking): boolean {
    return !isCritical && (this.#victimsOfJob.get(jobId) ?? 0) < this.#rules.allowanceOf(jobId);
  }

  /** Tells of the agent's tasks which ones stop: what they hold will be free. */
  #stoppingOn({ awaited }: AgentSlot): (booking: Booking) => boolean {
    return ({ taskId }) => awaited.has(taskId) || this.#rules.isStopping(taskId);
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
