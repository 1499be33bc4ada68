import { launchFilter, readyFilter, refusalFilter, tenantFilter } from './agent-filters.js';
import { type ConditionRow, conditionFilter, conditionRows } from './condition-filters.js';
import {
  type AgentFilter,
  type Dependency,
  type FilterRequest,
  noObstacles,
  type Obstacle,
} from './filter.js';
import { portFilter } from './port-filter.js';
import { resourceFilter } from './resource-filter.js';
import { attributeFilter, expressionFilter } from './rule-filters.js';

/**
 * The filters that every request meets, in the order of explanations. The conditions that a job names follow
 * them.
 */
const commonFilters: readonly AgentFilter[] = [
  resourceFilter,
  portFilter,
  attributeFilter,
  expressionFilter,
  readyFilter,
  launchFilter,
  refusalFilter,
  tenantFilter,
];

/**
 * All hard conditions. Searches, preemption, migration, plans, explanations and the feasibility cache read
 * this table and know no condition by name: a row is enforced everywhere.
 */
export class FilterTable {
  readonly #conditions: ReadonlyMap<string, AgentFilter>;

  constructor(rows: Readonly<Record<string, ConditionRow>>) {
    this.#conditions = new Map(Object.entries(rows).map(([name, row]) => [name, conditionFilter(name, row)]));
  }

  /** The filters of a request, in the order of explanations. */
  filtersOf(request: Pick<FilterRequest, 'spec' | 'refusedBy'>): readonly AgentFilter[] {
    const common = commonFilters.filter((filter) => filter.appliesTo(request));
    return [...common, ...[...request.spec.conditions].map((name) => this.condition(name))];
  }

  /** The filter of a named condition. */
  condition(name: string): AgentFilter {
    const filter = this.#conditions.get(name);
    if (filter === undefined) throw new Error(`The condition ${name} has no filter.`);
    return filter;
  }

  /** The names of the conditions that depend on this. */
  conditionsWith(dependency: Dependency): readonly string[] {
    return [...this.#conditions.values()]
      .filter(({ dependsOn }) => dependsOn.includes(dependency))
      .map(({ name }) => name);
  }
}

/** The table of the cell. */
export const standardFilters = new FilterTable(conditionRows);

/** Everything that stops the task on the agent; empty if it could run there. */
export function obstaclesOf(
  filters: readonly AgentFilter[],
  agent: Parameters<AgentFilter['obstacles']>[0],
  request: FilterRequest,
): readonly Obstacle[] {
  let all = noObstacles;
  // Explanations look at every agent, and most filters stop none: only the others cost memory.
  for (const filter of filters) {
    const found = filter.obstacles(agent, request);
    if (found.length > 0) all = all.length === 0 ? found : [...all, ...found];
  }
  return all;
}
