import type { AgentFilter, FilterCost, OnceGone, SearchDomains } from '../filters/filter.js';
import type { FilterTable } from '../filters/filter-table.js';
import { resourceFilter } from '../filters/resource-filter.js';
import type { PlacementSpec, Preference } from '../request/placement-spec.js';

const costs: readonly FilterCost[] = ['field', 'lookup', 'rules'];

/**
 * The filters of one class, sorted once by the question that they answer. Searches then only walk short
 * lists.
 */
export interface FilterStages {
  /** All of them, in the order of explanations. */
  readonly all: readonly AgentFilter[];
  /** Cheap ones that are checked before the feasibility cache is asked. */
  readonly cheap: readonly AgentFilter[];
  /** Those that depend on the agent alone: the feasibility cache keeps their result. */
  readonly cached: readonly AgentFilter[];
  /** All others but the one with search domains, and but the free capacity: the index checks that. */
  readonly others: readonly AgentFilter[];
  /** Of the first filter that has such. */
  readonly domains: SearchDomains | undefined;
  /** True if a result can change for an agent that did not change. */
  readonly looksElsewhere: boolean;
  /** The same, but for the filter with search domains. */
  readonly looksElsewhereInDomain: boolean;
  /** Cheap ones among those that depend on the agent alone. */
  readonly cheapOfAgent: readonly AgentFilter[];
  /** Those that preemption cannot help and that change only with the agent. */
  readonly beforePreemption: readonly AgentFilter[];
  /** Those that preemption cannot help and that change with tasks elsewhere. */
  readonly beforePreemptionElsewhere: readonly AgentFilter[];
  /** The results once some tasks of an agent are gone. */
  readonly onceGone: readonly OnceGone[];
}

/** Sorts the filters of a class. */
export function stagesOf(filters: readonly AgentFilter[], rulesLookElsewhere: boolean): FilterStages {
  const byCost = filters.toSorted((a, b) => costs.indexOf(a.cost) - costs.indexOf(b.cost));
  const inDomains = byCost.find(({ domains }) => domains !== undefined);
  const checked = byCost.filter((filter) => filter !== resourceFilter && filter !== inDomains);
  const cached = checked.filter((filter) => isOfAgent(filter) && filter.cost !== 'field');
  const cheap = checked.filter(({ cost }) => cost === 'field');
  const isElsewhere = ({ dependsOn }: AgentFilter) => dependsOn.includes('tasksElsewhere');
  const beyondHelp = byCost.filter((filter) => filter.onceGone === undefined && !cached.includes(filter));
  return {
    all: filters,
    cheap,
    cached,
    others: checked.filter((filter) => !cheap.includes(filter) && !cached.includes(filter)),
    domains: inDomains?.domains,
    looksElsewhere: rulesLookElsewhere || filters.some(isElsewhere),
    looksElsewhereInDomain: rulesLookElsewhere || checked.some(isElsewhere),
    cheapOfAgent: cheap.filter(isOfAgent),
    beforePreemption: beyondHelp.filter((filter) => !isElsewhere(filter)),
    beforePreemptionElsewhere: beyondHelp.filter(isElsewhere),
    onceGone: byCost.flatMap(({ onceGone }) => onceGone ?? []),
  };
}

function isOfAgent({ dependsOn }: AgentFilter): boolean {
  return dependsOn.every((dependency) => dependency === 'agent');
}

/** The preferences of one spec, as far as a search for an agent that satisfies all of them needs to know. */
export interface PreferenceStages {
  /**
   * Of a preference that has such: the search looks into the open ones, and need not check the preference.
   */
  readonly domains: SearchDomains | undefined;
  /** All but the one with these search domains. */
  readonly others: readonly Preference[];
  /** True if one of the others can change its result for an agent that did not change. */
  readonly lookElsewhere: boolean;
}

/** Sorts the preferences of a spec. `hard` are the search domains of its filters: they come first. */
export function preferenceStagesOf(
  { preferences, preferencesLookElsewhere }: PlacementSpec,
  table: FilterTable,
  hard: SearchDomains | undefined,
): PreferenceStages {
  const named = preferences.flatMap((preference) =>
    'condition' in preference ? [{ preference, filter: table.condition(preference.condition) }] : [],
  );
  const chosen = named.find(
    ({ filter: { domains } }) => domains !== undefined && (hard === undefined || hard === domains),
  );
  const lookElsewhere = named.some(
    (each) => each !== chosen && each.filter.dependsOn.includes('tasksElsewhere'),
  );
  return {
    domains: chosen?.filter.domains,
    others: preferences.filter((preference) => preference !== chosen?.preference),
    lookElsewhere: preferencesLookElsewhere || lookElsewhere,
  };
}
