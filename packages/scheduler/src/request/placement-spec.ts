import type { Predicate } from '@berth/shared/model/expression/compile';
import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import type { FitPolicy, Tier } from '@berth/shared/model/job/placement-preferences';

/** A requirement of an agent, under a name for people. */
export interface AgentRule {
  readonly name: string;
  readonly holds: Predicate;
}

/** A soft constraint. */
export type Preference = { readonly condition: ConditionName } | AgentRule;

/** Everything that a job says about the agents of its tasks, compiled once. */
export interface PlacementSpec {
  /** The same for jobs with the same constraints, ports and policy; '' if a job has none. */
  readonly key: string;
  /** The ports of the host that a task holds by number, such as `8080/tcp`. */
  readonly hostPorts: readonly string[];
  /** True if tasks of the job are kept apart: on agents with few of them, and in zones with few of them. */
  readonly spreads: boolean;
  /** Hard conditions. */
  readonly conditions: ReadonlySet<ConditionName>;
  /** Hard rules about an agent's attributes and size. */
  readonly fixedRules: readonly AgentRule[];
  /** Hard rules with results that depend on running tasks. */
  readonly changingRules: readonly AgentRule[];
  /** True if a changing rule can change its result for an agent that did not change. */
  readonly rulesLookElsewhere: boolean;
  /** Soft constraints. The number of satisfied ones decides before the score. */
  readonly preferences: readonly Preference[];
  /** True if the soft expression can change its result for an agent that did not change. */
  readonly preferencesLookElsewhere: boolean;
  /** True if two jobs with this spec can get different results on one agent. */
  readonly dependsOnJob: boolean;
  /** True if a task of the job keeps all other tasks off its agent. */
  readonly isExclusive: boolean;
  readonly policy?: FitPolicy;
  readonly tier: Tier;
  readonly priority: number;
  readonly capacityGroup: string;
  /** Undefined: the kind of job decides. */
  readonly disruptionLimit?: number;
}

/** The spec of a task that may run anywhere. */
export const anywhere: PlacementSpec = {
  key: '',
  hostPorts: [],
  spreads: false,
  conditions: new Set(),
  fixedRules: [],
  changingRules: [],
  rulesLookElsewhere: false,
  preferences: [],
  preferencesLookElsewhere: false,
  dependsOnJob: false,
  isExclusive: false,
  tier: 'flex',
  priority: 0,
  capacityGroup: '',
};
