import type { AgentInfo } from '../agent/agent-info.js';
import type { AgentsView } from '../agent/agents-view.js';
import { Heap } from '../heap/heap.js';
import type { AgentChanges } from './agent-changes.js';
import type { IndexedAgent } from './indexed-agent.js';
import {
  type Candidate,
  isBetterCandidate,
  type StoppingAgents,
  type VictimCandidates,
} from './victim-candidates.js';

/** So many changes are looked at one by one even if there are fewer agents. */
const fewChanges = 256;

interface CandidateSources {
  readonly view: AgentsView;
  readonly changes: AgentChanges<IndexedAgent>;
  readonly boundOf: (agent: AgentInfo) => number;
}

/**
 * Candidates in a heap. Bounds follow from bookings alone, so they are kept from plan to plan, and computed
 * anew only for agents that have changed. A plan therefore costs nothing for agents that it does not use.
 */
export class CandidateHeap implements VictimCandidates {
  readonly #sources: CandidateSources;
  /** The valid candidate of each agent. Any other in the heap is outdated. */
  readonly #current = new Map<AgentInfo, Candidate>();
  #heap = new Heap<Candidate>([], isBetterCandidate);
  /** The number of the first change that is not in here. */
  #seen = -1;
  #plan: StoppingAgents | undefined;
  /** Agents with a result that holds for this plan only. */
  readonly #ofPlan = new Set<AgentInfo>();

  constructor(sources: CandidateSources) {
    this.#sources = sources;
  }

  isOpenFor(plan: StoppingAgents): boolean {
    return this.#plan === plan;
  }

  open(plan: StoppingAgents): void {
    this.#plan = plan;
    const before = [...this.#ofPlan];
    this.#ofPlan.clear();
    if (!this.#catchUp()) return;
    for (const agent of before) if (this.#isHere(agent)) this.#look(agent);
    for (const agentId of plan.agentIds) {
      const agent = this.#sources.view.find(agentId);
      if (agent !== undefined) this.#look(agent);
    }
  }

  first(): Candidate | undefined {
    this.#catchUp();
    let first = this.#heap.first;
    while (first !== undefined && (this.#current.get(first.agent) !== first || !this.#isHere(first.agent))) {
      if (!this.#isHere(first.agent)) this.#current.delete(first.agent);
      this.#heap.dropFirst();
      first = this.#heap.first;
    }
    return first;
  }

  refine(candidate: Candidate): void {
    this.#ofPlan.add(candidate.agent);
    this.#current.set(candidate.agent, candidate);
    this.#replaceFirst(candidate);
  }

  /** Looks at the agents that have changed; false if it was simpler to look at all. */
  #catchUp(): boolean {
    const { changes, view } = this.#sources;
    if (this.#seen === changes.end) return true;
    const limit = Math.max(view.size, fewChanges);
    const isKnown = this.#seen >= 0 && changes.reaches(this.#seen, limit);
    // Outdated candidates would fill the heap in the end.
    if (!isKnown || this.#heap.size > 4 * limit) {
      this.#fill();
      return false;
    }
    for (let number = this.#seen; number < changes.end; number += 1) {
      const agent = changes.at(number);
      if (agent === undefined || agent.lastChange !== number || !this.#isHere(agent)) continue;
      if (this.#current.get(agent)?.version !== agent.version) this.#look(agent);
    }
    this.#seen = changes.end;
    return true;
  }

  #fill(): void {
    this.#current.clear();
    const all: Candidate[] = [];
    for (const agent of this.#sources.view.agents()) {
      const candidate = this.#boundOf(agent);
      this.#current.set(agent, candidate);
      if (candidate.count !== Number.POSITIVE_INFINITY) all.push(candidate);
    }
    this.#heap = new Heap(all, isBetterCandidate);
    this.#seen = this.#sources.changes.end;
  }

  #look(agent: AgentInfo): void {
    const candidate = this.#boundOf(agent);
    const isFirst = this.#heap.first !== undefined && this.#heap.first === this.#current.get(agent);
    this.#current.set(agent, candidate);
    // Mostly this is the first one: a plan has just used it.
    if (isFirst) this.#replaceFirst(candidate);
    else if (candidate.count !== Number.POSITIVE_INFINITY) this.#heap.push(candidate);
  }

  #replaceFirst(candidate: Candidate): void {
    if (candidate.count === Number.POSITIVE_INFINITY) this.#heap.dropFirst();
    else this.#heap.replaceFirst(candidate);
  }

  #boundOf(agent: AgentInfo): Candidate {
    const isStopping = this.#plan?.agentIds.has(agent.id) ?? false;
    if (isStopping) this.#ofPlan.add(agent);
    const count = isStopping ? 0 : this.#sources.boundOf(agent);
    return { agent, version: agent.version, count, kind: 'bound' };
  }

  #isHere(agent: AgentInfo): boolean {
    return this.#sources.view.find(agent.id) === agent;
  }
}
