import { resourcesKey } from '@berth/shared/model/resources/vector';
import type { AgentsView } from '../agent/agents-view.js';
import type { FilterTable } from '../filters/filter-table.js';
import type { PlacementRequest } from '../request/placement-request.js';
import { anywhere, type PlacementSpec } from '../request/placement-spec.js';
import { EquivalenceClass } from './equivalence-class.js';
import { FeasibilityCache } from './feasibility-cache.js';
import { type FilterStages, stagesOf } from './filter-stages.js';

/** Classes that are kept. Beyond this number all are dropped and made anew. */
const maxClasses = 10_000;

/** The things that set a task apart from others with the same demands. */
export interface ClassTraits {
  /** True if the results depend on the job for a reason beyond its spec. */
  readonly dependsOnJob?: boolean;
  /** Agents that lately refused a task of the job. */
  readonly refusedBy?: ReadonlySet<string> | undefined;
}

/** The equivalence classes that an index knows, and the feasibility caches of their specs. */
export class ClassBook {
  readonly #view: AgentsView;
  readonly #table: FilterTable;
  readonly #classes = new Map<string, EquivalenceClass>();
  /** By the key of a spec. */
  readonly #feasibility = new Map<string, FeasibilityCache>();
  /** By the names of the filters: there are few combinations of them, and many classes. */
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
    const added = new EquivalenceClass(request, {
      view: this.#view,
      table: this.#table,
      stages: this.#stagesOf(spec, refusedBy),
      feasibility: this.#feasibilityOf(spec.key),
      refusedBy,
    });
    this.#classes.set(key, added);
    return added;
  }

  clear(): void {
    this.#classes.clear();
    this.#feasibility.clear();
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

  #feasibilityOf(specKey: string): FeasibilityCache {
    const known = this.#feasibility.get(specKey);
    if (known !== undefined) return known;
    const cache = new FeasibilityCache();
    this.#feasibility.set(specKey, cache);
    return cache;
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
