import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import { Constraints, Container, type JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Expression } from '@berth/shared/model/expression/ast';
import {
  compileExpression,
  conjuncts,
  isStatic,
  mentions,
  type Predicate,
} from '@berth/shared/model/expression/compile';
import {
  type AttributeConstraint,
  type ConstraintSet,
  noConstraints,
  parseConstraints,
} from '@berth/shared/model/expression/constraints';
import { printExpression } from '@berth/shared/model/expression/print';
import type { ConditionName } from '@berth/shared/model/expression/vocabulary';
import { containerOf } from '@berth/shared/model/job/job';
import { type FitPolicy, preferencesOf, type Tier } from '@berth/shared/model/job/placement-preferences';
import { noStage } from '@berth/shared/model/job/stages';

/** A requirement of an agent, with the words by which people know it. */
export interface Rule {
  readonly name: string;
  readonly holds: Predicate;
}

/** What a job says of where its tasks may run, compiled once. */
export interface PlacementSpec {
  /** The same for jobs that ask for the same; '' where nothing is asked for. */
  readonly key: string;
  /** Constraints that must hold. */
  readonly conditions: ReadonlySet<ConditionName>;
  /** Rules whose verdict on an agent changes only with the agent's attributes and size. */
  readonly fixedRules: readonly Rule[];
  /** Rules that depend on what runs where. */
  readonly changingRules: readonly Rule[];
  /** Whether the verdict of a rule can change though nothing changes on the agent. */
  readonly looksElsewhere: boolean;
  /** Each that holds makes an agent better; their number decides before the fit. */
  readonly wishes: readonly Wish[];
  /** Whether the verdict of a wish, other than for zone balance itself, can change though nothing changes on the agent. */
  readonly wishesLookElsewhere: boolean;
  /** Whether two jobs with this spec can get different verdicts. */
  readonly dependsOnJob: boolean;
  readonly policy?: FitPolicy;
  readonly tier: Tier;
  readonly priority: number;
  readonly capacityGroup: string;
  /** Undefined: the kind of job decides. */
  readonly disruptionLimit?: number;
}

/** A constraint that need not hold. */
export type Wish = { readonly condition: ConditionName } | Rule;

/** What a job's descriptor says of the placement of its tasks, or of those of one stage. */
export function specOf(descriptor: JobDescriptor, stage: number = noStage): PlacementSpec {
  return compileSpec(containerOf(descriptor, stage), preferencesOf(descriptor, stage));
}

/** By stage. */
const known = new WeakMap<JobRecord, Map<number, PlacementSpec>>();

/** The spec of a stored job, or of one of its stages, compiled when it is first asked for. */
export function specOfJob(job: JobRecord, stage: number = noStage): PlacementSpec {
  const ofJob = known.get(job) ?? new Map<number, PlacementSpec>();
  const spec = ofJob.get(stage) ?? (job.descriptor === undefined ? anywhere : specOf(job.descriptor, stage));
  known.set(job, ofJob.set(stage, spec));
  return spec;
}

type SpecPreferences = Pick<PlacementSpec, 'tier' | 'priority' | 'capacityGroup' | 'disruptionLimit'> & {
  readonly fitPolicy?: FitPolicy;
};

/** The spec of a task that may run anywhere. */
export const anywhere: PlacementSpec = compileSpec(undefined, {
  tier: 'flex',
  priority: 0,
  capacityGroup: '',
});

/** The spec of a task whose only constraint is this expression, which must hold. */
export function specWithExpression(expression: string): PlacementSpec {
  const hardConstraints = Constraints.create({ expression });
  return compileSpec(Container.fromPartial({ hardConstraints }), {
    tier: 'flex',
    priority: 0,
    capacityGroup: '',
  });
}

function compileSpec(container: Container | undefined, preferences: SpecPreferences): PlacementSpec {
  const { fitPolicy, ...order } = preferences;
  const hard = read(container?.hardConstraints);
  const soft = read(container?.softConstraints) ?? noConstraints;
  const parts = hard?.expression === undefined ? [] : conjuncts(hard.expression);
  const conditions = new Set([...(hard?.conditions ?? []), ...parts.flatMap(conditionOf)]);
  const rules = parts.filter((part) => conditionOf(part).length === 0);
  const changing = rules.filter((part) => !isStatic(part));
  const fixed = rules.filter(isStatic).map(toRule);
  // What cannot be read is never placed, rather than placed anywhere.
  const attributes = hard === undefined ? [unreadable] : hard.attributes.map(attributeRule);
  const wishes = wishesOf(soft);
  return {
    key: keyOf(container, fitPolicy),
    conditions,
    fixedRules: [...attributes, ...fixed],
    changingRules: changing.map(toRule),
    looksElsewhere: changing.some((part) => mentions(part, 'zoneBalance')),
    wishes,
    wishesLookElsewhere: soft.expression !== undefined && mentions(soft.expression, 'zoneBalance'),
    dependsOnJob: dependsOnJob(conditions, changing, soft),
    ...(fitPolicy && { policy: fitPolicy }),
    ...order,
  };
}

const unreadable: Rule = { name: 'constraints that cannot be read', holds: () => false };

function read(message: Container['hardConstraints']): ConstraintSet | undefined {
  const parsed = parseConstraints(message, '');
  return 'set' in parsed ? parsed.set : undefined;
}

function conditionOf(part: Expression): readonly ConditionName[] {
  return part.kind === 'name' ? [part.name as ConditionName] : [];
}

function toRule(part: Expression): Rule {
  return { name: printExpression(part), holds: compileExpression(part) };
}

/** `host` names an agent by its host or by its id. */
function attributeRule({ name, values }: AttributeConstraint): Rule {
  const holds: Predicate = ({ id, attributes }) => {
    if (name === 'host' && values.includes(id)) return true;
    const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    return value !== undefined && values.includes(value);
  };
  return { name: `${name} ${values.join(',')}`, holds };
}

function wishesOf(soft: ConstraintSet): readonly Wish[] {
  return [
    ...[...soft.conditions].map((condition) => ({ condition })),
    ...soft.attributes.map(attributeRule),
    ...(soft.expression === undefined ? [] : [toRule(soft.expression)]),
  ];
}

/** Only an empty agent is the same to every job; whom else a task meets depends on its job. */
function dependsOnJob(
  conditions: ReadonlySet<ConditionName>,
  changing: readonly Expression[],
  soft: ConstraintSet,
): boolean {
  return (['uniqueHost', 'zoneBalance'] as const).some(
    (name) =>
      conditions.has(name) ||
      soft.conditions.has(name) ||
      changing.some((part) => mentions(part, name)) ||
      (soft.expression !== undefined && mentions(soft.expression, name)),
  );
}

function keyOf(container: Container | undefined, fitPolicy: FitPolicy | undefined): string {
  const sides = [container?.hardConstraints, container?.softConstraints].map((side) => [
    Object.entries(side?.constraints ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
    side?.expression ?? '',
  ]);
  const isPlain = fitPolicy === undefined && sides.every(([map, text]) => map?.length === 0 && text === '');
  return isPlain ? '' : JSON.stringify([sides, fitPolicy ?? '']);
}
