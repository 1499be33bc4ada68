import { chooseGpus } from '@berth/shared/model/resources/gpus';
import type { AgentInfo } from '../agent/agent-info.js';
import type { Booking } from '../agent/booking.js';
import { capacityOnceGone, capacityWithout, type FreeCapacity } from '../agent/free-capacity.js';
import type { EquivalenceClass } from '../equivalence/equivalence-class.js';
import type { AgentIndex } from '../index/agent-index.js';
import type { Candidate, Preemption, StoppingAgents, VictimCandidates } from '../index/victim-candidates.js';
import type { PreemptionRules } from './preemption-rules.js';
import { Shortfall } from './shortfall.js';
import { victimBound } from './victim-bound.js';
import { findVictims, spareVictims, weightOf } from './victim-search.js';

/**
 * Sets of tasks of one agent that are tried for the smallest that suffices. After that a small one has to do.
 */
const maxSetsTried = 2_000;

/** An agent with so few tasks is searched as fast as it is estimated. */
const fewTasks = 8;

/** Agents that one plan looks at, at most. With very many different waits some are left to a later plan. */
const maxLooks = 1_000_000;

/**
 * Finds capacity that a plan can make free by stopping tasks. The plan must then book the preemptor on that
 * agent as one that waits for its victims: so no other task gets their capacity, and they count as stopping
 * from then on.
 */
export class Preemptor {
  readonly #index: AgentIndex;
  readonly #rules: PreemptionRules;
  readonly #shortfall = new Shortfall();
  #looks = 0;
  readonly #victimsOfJob = new Map<string, number>();
  /** Classes that this plan has asked for before. */
  readonly #begun = new Set<EquivalenceClass>();
  readonly #stopping: StoppingAgents;

  constructor(index: AgentIndex, rules: PreemptionRules) {
    this.#index = index;
    this.#rules = rules;
    this.#stopping = { agentIds: new Set(rules.stoppingOn) };
  }

  /**
   * The preemption with the fewest victims on any one agent; none of them can be spared. Of several the one
   * on the agent with the lowest id. Undefined if no agent can be made to take a task of the class.
   */
  preempt(request: EquivalenceClass): Preemption | undefined {
    const candidates = this.#candidatesFor(request);
    const best = candidates && this.#best(request, candidates);
    if (best === undefined) return undefined;
    for (const { jobId } of best.victims)
      this.#victimsOfJob.set(jobId, (this.#victimsOfJob.get(jobId) ?? 0) + 1);
    return best;
  }

  /**
   * In the course of a plan preemptions only get worse, except on changed agents: the first that is still
   * valid is best.
   */
  #best(request: EquivalenceClass, candidates: VictimCandidates): Preemption | undefined {
    for (let first = candidates.first(); first !== undefined; first = candidates.first()) {
      const next = this.#lookAt(first, request);
      const { preemption } = next;
      // A result that is no worse than the known bound is still the first.
      if (preemption !== undefined && next.count <= first.count && this.#isAllowed(preemption.victims))
        return preemption;
      candidates.refine(next);
    }
    return undefined;
  }

  /** Finds a better result for the agent than the known one. */
  #lookAt(known: Candidate, request: EquivalenceClass): Candidate {
    const { agent, kind, count, preemption } = known;
    if (preemption !== undefined && this.#isAllowed(preemption.victims)) return known;
    const { version } = agent;
    if (kind !== 'estimate' && !request.mayPassWithVictims(agent))
      return { agent, version, count: Number.POSITIVE_INFINITY, kind: 'estimate' };
    const capacity = capacityOnceGone(agent, this.#stoppingOn(agent));
    if (kind === 'estimate' || agent.bookings.size <= fewTasks) return this.#search(known, request, capacity);
    const estimate = this.#estimate(agent, request, capacity);
    return estimate.count > count ? estimate : this.#search(estimate, request, capacity);
  }

  /** Undefined if the plan has looked at too many agents before. */
  #candidatesFor(request: EquivalenceClass): VictimCandidates | undefined {
    // If results can change for agents that did not change, earlier results are worth nothing.
    const isNew = request.looksElsewhere || !this.#begun.has(request);
    if (isNew && this.#looks > maxLooks) return undefined;
    if (isNew) this.#looks += this.#index.size;
    this.#begun.add(request);
    const boundOf = (agent: AgentInfo) => victimBound(agent, request);
    const candidates = this.#index.candidatesFor(request, { limit: maxLooks, boundOf });
    if (isNew || !candidates.isOpenFor(this.#stopping)) candidates.open(this.#stopping);
    return candidates;
  }

  /** The least number of victims by the rules; tasks that stop already are none. */
  #estimate(agent: AgentInfo, request: EquivalenceClass, capacity: FreeCapacity): Candidate {
    const isStopping = this.#stoppingOn(agent);
    this.#shortfall.reset(request.resources, capacity.free);
    for (const booking of agent.bookings.values())
      if (!isStopping(booking) && this.#mayStop(booking)) this.#shortfall.offer(booking.resources);
    const count = Math.max(request.leastVictims(capacity), this.#shortfall.leastVictims());
    return { agent, version: agent.version, count, kind: 'estimate' };
  }

  #search(
    { agent, version, count }: Candidate,
    request: EquivalenceClass,
    capacity: FreeCapacity,
  ): Candidate {
    const isStopping = this.#stoppingOn(agent);
    const victims = this.#fewestVictims(agent, request, { capacity, least: count });
    const kind = 'exact';
    if (victims === undefined || victims.length > (this.#rules.maxVictims ?? victims.length))
      return { agent, version, count: Number.POSITIVE_INFINITY, kind };
    const { gpus } = capacityWithout(capacity, victims);
    const stopping = [...agent.bookings.values()].filter(isStopping);
    const preemption = {
      agentId: agent.id,
      victims,
      awaits: [...stopping, ...victims].map(({ taskId }) => taskId),
      gpus: chooseGpus(request.resources.gpuMillis, gpus) ?? [],
    };
    return { agent, version, count: victims.length, kind, preemption };
  }

  #fewestVictims(
    agent: AgentInfo,
    request: EquivalenceClass,
    { capacity, least }: { readonly capacity: FreeCapacity; readonly least: number },
  ): readonly Booking[] | undefined {
    if (request.passesIn(capacity, agent)) return [];
    const isStopping = this.#stoppingOn(agent);
    const willing = [...agent.bookings.values()]
      .filter((booking) => !isStopping(booking) && this.#mayStop(booking))
      .sort((a, b) => weightOf(a, agent) - weightOf(b, agent) || (a.taskId < b.taskId ? -1 : 1));
    const fits = (victims: readonly Booking[]) =>
      this.#isAllowed(victims) && request.passesIn(capacityWithout(capacity, victims), agent);
    const single = least > 1 ? undefined : willing.find((victim) => fits([victim]));
    if (single !== undefined) return [single];
    // If all of them together do not suffice, no set of them does.
    if (!request.passesIn(capacityWithout(capacity, willing), agent)) return undefined;
    const budget = { left: maxSetsTried };
    for (let count = Math.max(2, least); count <= willing.length && budget.left > 0; count += 1) {
      const victims = findVictims(willing, { count, fits, budget });
      if (victims !== undefined) return victims;
    }
    const all = this.#withinAllowance(willing);
    return fits(all) ? spareVictims(all, fits) : undefined;
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

  /** True if the task may be stopped, as one more of its job. */
  #mayStop({ jobId, isCritical = false }: Booking): boolean {
    return !isCritical && (this.#victimsOfJob.get(jobId) ?? 0) < this.#rules.allowanceOf(jobId);
  }

  /** True for those of the agent's tasks that stop: their capacity will be free. */
  #stoppingOn({ awaited }: AgentInfo): (booking: Booking) => boolean {
    return ({ taskId }) => awaited.has(taskId) || this.#rules.isStopping(taskId);
  }

  /** True if all of them may be stopped beside the victims of this plan. */
  #isAllowed(victims: readonly Booking[]): boolean {
    return victims.every(({ jobId }) => {
      let count = this.#victimsOfJob.get(jobId) ?? 0;
      for (const victim of victims) if (victim.jobId === jobId) count += 1;
      return count <= this.#rules.allowanceOf(jobId);
    });
  }
}
