import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { Facts } from '@berth/shared/model/expression/compile';
import type { AgentInfo } from '../agent/agent-info.js';
import type { AgentsView } from '../agent/agents-view.js';
import type { FreeCapacity } from '../agent/free-capacity.js';
import type { JobPlacements } from '../agent/job-placements.js';
import type {
  AgentFilter,
  FilterRequest,
  Obstacle,
  RemainingTasks,
  SearchDomains,
} from '../filters/filter.js';
import { type FilterTable, obstaclesOf } from '../filters/filter-table.js';
import type { PlacementRequest } from '../request/placement-request.js';
import { anywhere, type PlacementSpec } from '../request/placement-spec.js';
import { AgentAsFacts } from './agent-as-facts.js';
import type { FeasibilityCache } from './feasibility-cache.js';
import type { FilterStages, PreferenceStages } from './filter-stages.js';

/** The surroundings of a class. */
interface ClassContext {
  readonly view: AgentsView;
  readonly table: FilterTable;
  readonly stages: FilterStages;
  readonly preferenceStages: PreferenceStages;
  /** Shared by all classes with the same spec. */
  readonly feasibility: FeasibilityCache;
  readonly refusedBy?: ReadonlySet<string> | undefined;
}

/** All tasks that ask for the same. Results that were found for one of them hold for all. */
export class EquivalenceClass implements FilterRequest {
  readonly resources: Resources;
  readonly spec: PlacementSpec;
  readonly jobId: string;
  readonly refusedBy: ReadonlySet<string> | undefined;
  readonly #view: AgentsView;
  readonly #table: FilterTable;
  readonly #feasibility: FeasibilityCache;
  readonly #stages: FilterStages;
  /** The preferences, sorted by the questions of a search. */
  readonly preferenceStages: PreferenceStages;
  #zones: readonly string[] = [];
  #zonesOf = -1;

  constructor({ resources, spec = anywhere, jobId }: PlacementRequest, context: ClassContext) {
    this.resources = resources;
    this.spec = spec;
    this.jobId = jobId;
    this.refusedBy = context.refusedBy;
    this.#view = context.view;
    this.#table = context.table;
    this.#feasibility = context.feasibility;
    this.#stages = context.stages;
    this.preferenceStages = context.preferenceStages;
  }

  get placements(): JobPlacements | undefined {
    return this.#view.placementsOf(this.jobId);
  }

  /**
   * The groups of agents that a search looks into one by one; undefined if it looks at all agents at once.
   */
  get domains(): SearchDomains | undefined {
    return this.#stages.domains;
  }

  /** True if the result for an agent can change though the agent did not change. */
  get looksElsewhere(): boolean {
    return this.#stages.looksElsewhere;
  }

  /** The same for agents of one search domain that stays open. */
  get looksElsewhereInDomain(): boolean {
    return this.#stages.looksElsewhereInDomain;
  }

  /** True if a filter of this class depends on the agent alone and is worth a cache. */
  get hasAgentFilters(): boolean {
    return this.#stages.cached.length > 0;
  }

  /** True if the job may use the agent, with any tasks on it. The result is cached. */
  mayUse(agent: AgentInfo): boolean {
    const { cached } = this.#stages;
    if (cached.length === 0) return true;
    const known = this.#feasibility.of(agent.number);
    if (known !== undefined) return known;
    const isFeasible = passes(cached, agent, this);
    this.#feasibility.set(agent.number, isFeasible, this.#view.numberEnd);
    return isFeasible;
  }

  /** True if the agent passes all filters but two: the free capacity, and the search domains. */
  isFeasible(agent: AgentInfo): boolean {
    const { cheap, others } = this.#stages;
    // The cache is asked first: that costs less than to call one filter.
    const known = this.#feasibility.of(agent.number);
    if (known === false || !passes(cheap, agent, this)) return false;
    return (known === true || this.mayUse(agent)) && passes(others, agent, this);
  }

  /** Everything that stops a task of the class on the agent; empty if it could run there. */
  obstaclesOn(agent: AgentInfo): readonly Obstacle[] {
    return obstaclesOf(this.#stages.all, agent, this);
  }

  satisfiesCondition(condition: string, agent: AgentInfo): boolean {
    return this.#table.condition(condition).check(agent, this);
  }

  satisfiesConditionIn(capacity: FreeCapacity, condition: string, agent: AgentInfo): boolean {
    const filter = this.#table.condition(condition);
    return filter.onceGone === undefined
      ? filter.check(agent, this)
      : filter.onceGone.check(capacity, agent, this);
  }

  factsOf(agent: AgentInfo): Facts {
    return new AgentAsFacts(agent, this);
  }

  usableZones(): readonly string[] {
    if (this.#zonesOf === this.#view.membership) return this.#zones;
    const zones = new Set<string>();
    for (const agent of this.#view.agents()) {
      // Mostly the first few agents show all zones.
      if (zones.size === this.#view.zoneCount) break;
      if (agent.zone !== '' && !zones.has(agent.zone) && this.#couldUseIfEmpty(agent)) zones.add(agent.zone);
    }
    this.#zonesOf = this.#view.membership;
    this.#zones = [...zones].sort();
    return this.#zones;
  }

  /** True if the agent passes each filter that stopped tasks cannot change: preemption may help there. */
  mayPassWithVictims(agent: AgentInfo): boolean {
    return passes(this.#stages.beforePreemptionElsewhere, agent, this) && this.mightPassWithVictims(agent);
  }

  /** The same for the filters that change only with the agent. */
  mightPassWithVictims(agent: AgentInfo): boolean {
    const { beforePreemption } = this.#stages;
    return passes(beforePreemption, agent, this) && this.#canPassEmpty(agent) && this.mayUse(agent);
  }

  /**
   * True if a task of the class can come once the agent has this capacity. `mayPassWithVictims` must be true.
   */
  passesIn(capacity: FreeCapacity, agent: AgentInfo): boolean {
    const { onceGone } = this.#stages;
    for (let at = 0; at < onceGone.length; at += 1)
      if (onceGone[at]?.check(capacity, agent, this) === false) return false;
    return true;
  }

  /** The least number of tasks that must stop, by the filters other than the free capacity. */
  leastVictims(left: RemainingTasks): number {
    let least = 0;
    for (const { leastVictims } of this.#stages.onceGone)
      if (leastVictims !== undefined) least = Math.max(least, leastVictims(left, this));
    return least;
  }

  #couldUseIfEmpty(agent: AgentInfo): boolean {
    return passes(this.#stages.cheapOfAgent, agent, this) && this.#canPassEmpty(agent) && this.mayUse(agent);
  }

  #canPassEmpty(agent: AgentInfo): boolean {
    for (const { canPass } of this.#stages.onceGone)
      if (canPass !== undefined && !canPass(agent, this)) return false;
    return true;
  }
}

function passes(filters: readonly AgentFilter[], agent: AgentInfo, request: FilterRequest): boolean {
  for (let at = 0; at < filters.length; at += 1)
    if (filters[at]?.check(agent, request) === false) return false;
  return true;
}
