import { resourcesKey } from '@berth/shared/model/resources/vector';
import type { AgentsView } from '../agent/agents-view.js';
import type { FilterTable } from '../filters/filter-table.js';
import type { PlacementRequest } from '../request/placement-request.js';
import { anywhere, type PlacementSpec } from '../request/placement-spec.js';
import { EquivalenceClass } from './equivalence-class.js';
import { FeasibilityCache } from './feasibility-cache.js';
import { type FilterStages, type PreferenceStages, preferenceStagesOf, stagesOf } from './filter-stages.js';

/** Classes that are kept. Beyond this number all are dropped and made anew. */
const maxClasses = 10_000;

/** The things that set a task apart from others with the same demands. */
export interface ClassTraits {
  /** True if the results depend on the job for a reason beyond its spec. */
  readonly dependsOnJob?: boolean;
  /** Agents that lately refused a task of the job. */
  readonly refusedBy?: ReadonlySet<string> | undefined;
}

/** The parts that all classes with one spec share. */
interface SortedSpec {
  /** For classes that no agent has refused. */
  readonly stages: FilterStages;
  readonly preferenceStages: PreferenceStages;
  readonly feasibility: FeasibilityCache;
}

/** The equivalence classes that an index knows, and the feasibility caches of their specs. */
export class ClassBook {
  readonly #view: AgentsView;
  readonly #table: FilterTable;
  readonly #classes = new Map<string, EquivalenceClass>();
  /** By the key of a spec. Many classes share a spec: it is sorted once for all of them. */
  readonly #specs = new Map<string, SortedSpec>();
  /** By the names of the filters: there are few combinations of them, and many specs. */
  readonly #stages = new Map<string, FilterStages>();

  constructor(view: AgentsView, table: FilterTable) {
    this.#view = view;
    this.#table = table;
  }

  /** True if the next new class needs `clear` first. */
  get isFull(): boolean {
    return this.#classes.size >= maxClasses;
  }

  /** The known class under the key. */
  find(key: string): EquivalenceClass | undefined {
    return this.#classes.get(key);
  }

  /** Makes a class, and keeps it under the key. */
  add(key: string, request: PlacementRequest, refusedBy: ReadonlySet<string> | undefined): EquivalenceClass {
    const { spec = anywhere } = request;
    const sorted = this.#sortedSpec(spec);
    const stages = refusedBy === undefined ? sorted.stages : this.#stagesOf(spec, refusedBy);
    const { feasibility, preferenceStages } = sorted;
    const view = this.#view;
    const table = this.#table;
    const context = { view, table, stages, preferenceStages, feasibility, refusedBy };
    const added = new EquivalenceClass(request, context);
    this.#classes.set(key, added);
    return added;
  }

  clear(): void {
    this.#classes.clear();
    this.#specs.clear();
  }

  #sortedSpec(spec: PlacementSpec): SortedSpec {
    const known = this.#specs.get(spec.key);
    if (known !== undefined) return known;
    const stages = this.#stagesOf(spec, undefined);
    const preferenceStages = preferenceStagesOf(spec, this.#table, stages.domains);
    const sorted = { stages, preferenceStages, feasibility: new FeasibilityCache() };
    this.#specs.set(spec.key, sorted);
    return sorted;
  }

  #stagesOf(spec: PlacementSpec, refusedBy: ReadonlySet<string> | undefined): FilterStages {
    const filters = this.#table.filtersOf({ spec, refusedBy });
    const key = `${filters.map(({ name }) => name).join(' ')} ${spec.rulesLookElsewhere}`;
    const known = this.#stages.get(key);
    if (known !== undefined) return known;
    const stages = stagesOf(filters, spec.rulesLookElsewhere);
    this.#stages.set(key, stages);
    return stages;
  }
}

/** The key of a request's class: requests with the same key ask for the same. */
export function classKeyOf(
  { resources, spec = anywhere, jobId: ofJob }: PlacementRequest,
  { dependsOnJob = false, refusedBy }: ClassTraits,
): string {
  const jobId = spec.dependsOnJob || dependsOnJob || refusedBy !== undefined ? ofJob : '';
  const without = refusedBy === undefined ? '' : ` without ${[...refusedBy].join(' ')}`;
  return `${resourcesKey(resources)} ${jobId} ${spec.key}${without}`;
}
