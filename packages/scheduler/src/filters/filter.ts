import type { Resources } from '@berth/shared/gen/berth/v1/store';
import type { Facts } from '@berth/shared/model/expression/compile';
import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import type { AgentInfo } from '../agent/agent-info.js';
import type { FreeCapacity } from '../agent/free-capacity.js';
import type { JobPlacements } from '../agent/job-placements.js';
import type { PlacementSpec } from '../request/placement-spec.js';

/** The part of a request that filters read. All tasks of one equivalence class have it in common. */
export interface FilterRequest {
  readonly resources: Resources;
  readonly spec: PlacementSpec;
  /** '' if results are the same for all jobs. */
  readonly jobId: string;
  /** Agents that lately refused a task of the job; undefined if there are none. */
  readonly refusedBy: ReadonlySet<string> | undefined;
  /** The agents of the job's tasks; undefined if it has none. */
  readonly placements: JobPlacements | undefined;

  /** The zones that have an agent that the job could use if it were empty. */
  usableZones(): readonly string[];

  /** True if a task placed on the agent would satisfy the condition. */
  satisfiesCondition(condition: ConditionName, agent: AgentInfo): boolean;

  /** The same if the agent had this capacity: some of its tasks are gone. */
  satisfiesConditionIn(capacity: FreeCapacity, condition: ConditionName, agent: AgentInfo): boolean;

  /** The agent as expressions see it. */
  factsOf(agent: AgentInfo): Facts;
}

/** The things that the result of a filter depends on, beside the request itself. */
export type Dependency =
  /** Attributes, size and drain of the agent. They change only when the agent registers anew. */
  | 'agent'
  /** The job: two jobs that ask for the same can get different results. */
  | 'job'
  /** Tasks on the same agent. */
  | 'tasksHere'
  /** Tasks on other agents: the result can change for an agent that did not change. */
  | 'tasksElsewhere';

/** One hard condition. */
export interface AgentFilter {
  readonly name: string;
  readonly dependsOn: readonly Dependency[];
  /** Filters are checked from the lowest cost to the highest. */
  readonly cost: FilterCost;

  /** False if the request never fails here. The filter is left out for its class. */
  appliesTo(request: Pick<FilterRequest, 'spec' | 'refusedBy'>): boolean;

  /** True if a task of the class may be placed on the agent now. */
  check(agent: AgentInfo, request: FilterRequest): boolean;

  /** Explains a failed check: each obstacle with its reason. Empty if the check passes. */
  obstacles(agent: AgentInfo, request: FilterRequest): readonly Obstacle[];

  /** Undefined: stopped tasks make no difference, so preemption needs a passed check. */
  readonly onceGone: OnceGone | undefined;
  readonly domains: SearchDomains | undefined;
  /** True if a task with this condition keeps all other tasks off its agent. */
  readonly isExclusive: boolean;
}

/** `field`: reads a field of the agent. `lookup`: reads a map, too. `rules`: evaluates rules of the job. */
export type FilterCost = 'field' | 'lookup' | 'rules';

/** The tasks that are still on an agent, as far as filters count them. */
export type RemainingTasks = Pick<FreeCapacity, 'tenants' | 'exclusive' | 'hostPorts'>;

/** The result of a filter once some tasks of the agent are gone. Preemption asks for it. */
export interface OnceGone {
  /** False if the filter fails even on the empty agent. Undefined: it never does. */
  readonly canPass: ((agent: AgentInfo, request: FilterRequest) => boolean) | undefined;
  /** The least number of tasks that must go, by this filter alone. Undefined: the filter tells none. */
  readonly leastVictims: ((left: RemainingTasks, request: Pick<FilterRequest, 'spec'>) => number) | undefined;

  /** True if the agent passes with this capacity. */
  check(capacity: FreeCapacity, agent: AgentInfo, request: FilterRequest): boolean;
}

/**
 * The agents in groups: a group passes the filter as a whole or not at all. A search then looks into each
 * open group by itself, and resumes there at its last position although tasks elsewhere change the result.
 */
export interface SearchDomains {
  of(agent: AgentInfo): string;

  /** The groups that pass now. */
  open(request: FilterRequest): readonly string[];
}

/**
 * A reason for people why an agent cannot take a task, and its cause: the thing that would have to give way.
 */
export interface Obstacle {
  readonly reason: string;
  /** The tasks in the way. Absent: no single tasks are. */
  readonly holders?: readonly string[];
  readonly cause:
    | { readonly kind: 'resource'; readonly resource: keyof Resources; readonly missing: number }
    | { readonly kind: 'condition'; readonly condition: string }
    | { readonly kind: 'rule'; readonly rule: string }
    | { readonly kind: 'port'; readonly port: string }
    | { readonly kind: 'exclusiveTenant' | 'draining' | 'avoided' | 'refused' };
}

/** The obstacles of a passed check. */
export const noObstacles: readonly Obstacle[] = [];

/** A filter as a row writes it: the optional parts may be absent. */
export interface FilterRow extends Pick<AgentFilter, 'name' | 'dependsOn' | 'cost' | 'check' | 'obstacles'> {
  readonly appliesTo?: AgentFilter['appliesTo'];
  readonly onceGone?: Partial<OnceGone> & Pick<OnceGone, 'check'>;
  readonly domains?: SearchDomains;
  readonly isExclusive?: boolean;
}

/**
 * Completes a row. Every filter is made here and has the same fields in the same order: searches call filters
 * for very many agents, and V8 reads objects of one shape faster.
 */
export function toFilter(row: FilterRow): AgentFilter {
  const { onceGone } = row;
  return {
    name: row.name,
    dependsOn: row.dependsOn,
    cost: row.cost,
    appliesTo: row.appliesTo ?? (() => true),
    check: row.check,
    obstacles: row.obstacles,
    onceGone: onceGone && {
      canPass: onceGone.canPass,
      leastVictims: onceGone.leastVictims,
      check: onceGone.check,
    },
    domains: row.domains,
    isExclusive: row.isExclusive ?? false,
  };
}
