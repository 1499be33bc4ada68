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
import { hostPortsOf } from '@berth/shared/model/job/container-network';
import { containerOf } from '@berth/shared/model/job/job';
import { type FitPolicy, preferencesOf } from '@berth/shared/model/job/placement-preferences';
import { noStage } from '@berth/shared/model/job/stages';
import { type AgentRule, anywhere, type PlacementSpec, type Preference } from '../request/placement-spec.js';
import { type FilterTable, standardFilters } from './filter-table.js';

/** Compiles the placement of a job's tasks, or of the tasks of one stage, from its descriptor. */
export function specOf(descriptor: JobDescriptor, stage: number = noStage): PlacementSpec {
  return compileSpec(containerOf(descriptor, stage), preferencesOf(descriptor, stage));
}

/** By job, then by stage. Records never change, so a compiled spec stays right. */
const known = new WeakMap<JobRecord, Map<number, PlacementSpec>>();

/** The spec of a stored job, or of one of its stages, compiled when it is first asked for. */
export function specOfJob(job: JobRecord, stage: number = noStage): PlacementSpec {
  const ofJob = known.get(job) ?? new Map<number, PlacementSpec>();
  const spec = ofJob.get(stage) ?? (job.descriptor === undefined ? anywhere : specOf(job.descriptor, stage));
  known.set(job, ofJob.set(stage, spec));
  return spec;
}

type SpecPreferences = Pick<
  PlacementSpec,
  'spreads' | 'tier' | 'priority' | 'capacityGroup' | 'disruptionLimit'
> & {
  readonly fitPolicy?: FitPolicy;
};

/** The spec of a task with one hard constraint: this expression. */
export function specWithExpression(expression: string): PlacementSpec {
  const hardConstraints = Constraints.create({ expression });
  return compileSpec(Container.fromPartial({ hardConstraints }), {
    spreads: false,
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
  const rules = parts.filter((part) => conditionOf(part).length === 0);
  // A job with constraints that cannot be read is never placed, rather than placed anywhere.
  const attributes = hard === undefined ? [unreadable] : hard.attributes.map(attributeRule);
  const hostPorts = container === undefined ? [] : hostPortsOf(container);
  return {
    key: keyOf(container, fitPolicy, hostPorts),
    hostPorts,
    fixedRules: [...attributes, ...rules.filter(isStatic).map(toRule)],
    preferences: preferencesIn(soft),
    ...constraintTraits({
      conditions: new Set([...(hard?.conditions ?? []), ...parts.flatMap(conditionOf)]),
      changing: rules.filter((part) => !isStatic(part)),
      soft,
    }),
    ...(fitPolicy && { policy: fitPolicy }),
    ...order,
  };
}

interface CompiledConstraints {
  readonly conditions: ReadonlySet<ConditionName>;
  /** The hard parts of the expression that depend on running tasks. */
  readonly changing: readonly Expression[];
  readonly soft: ConstraintSet;
}

type ConstraintTraits = Pick<
  PlacementSpec,
  | 'conditions'
  | 'changingRules'
  | 'rulesLookElsewhere'
  | 'preferencesLookElsewhere'
  | 'dependsOnJob'
  | 'isExclusive'
>;

/** Derives from the table of filters the traits that the constraints give to a spec. */
export function constraintTraits(
  { conditions, changing, soft }: CompiledConstraints,
  filters: FilterTable = standardFilters,
): ConstraintTraits {
  const ofJob = filters.conditionsWith('job');
  const elsewhere = filters.conditionsWith('tasksElsewhere');
  const mentionsAny = (expression: Expression | undefined, names: readonly string[]) =>
    expression !== undefined && names.some((name) => mentions(expression, name));
  const changesAny = (names: readonly string[]) => changing.some((part) => mentionsAny(part, names));
  return {
    conditions,
    changingRules: changing.map(toRule),
    rulesLookElsewhere: changesAny(elsewhere),
    preferencesLookElsewhere: mentionsAny(soft.expression, elsewhere),
    dependsOnJob:
      [...conditions, ...soft.conditions].some((name) => ofJob.includes(name)) ||
      changesAny(ofJob) ||
      mentionsAny(soft.expression, ofJob),
    isExclusive: [...conditions].some((name) => filters.condition(name).isExclusive),
  };
}

const unreadable: AgentRule = { name: 'constraints that cannot be read', holds: () => false };

function read(message: Container['hardConstraints']): ConstraintSet | undefined {
  const parsed = parseConstraints(message, '');
  return 'set' in parsed ? parsed.set : undefined;
}

function conditionOf(part: Expression): readonly ConditionName[] {
  return part.kind === 'name' ? [part.name as ConditionName] : [];
}

function toRule(part: Expression): AgentRule {
  return { name: printExpression(part), holds: compileExpression(part) };
}

/** The rule of an attribute; `host` names an agent by its host or by its id. */
function attributeRule({ name, values }: AttributeConstraint): AgentRule {
  const holds: Predicate = ({ id, attributes }) => {
    if (name === 'host' && values.includes(id)) return true;
    const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    return value !== undefined && values.includes(value);
  };
  return { name: `${name} ${values.join(',')}`, holds };
}

function preferencesIn(soft: ConstraintSet): readonly Preference[] {
  return [
    ...[...soft.conditions].map((condition) => ({ condition })),
    ...soft.attributes.map(attributeRule),
    ...(soft.expression === undefined ? [] : [toRule(soft.expression)]),
  ];
}

function keyOf(
  container: Container | undefined,
  fitPolicy: FitPolicy | undefined,
  hostPorts: readonly string[],
): string {
  const sides = [container?.hardConstraints, container?.softConstraints].map((side) => [
    Object.entries(side?.constraints ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
    side?.expression ?? '',
  ]);
  const hasNoPolicy = fitPolicy === undefined && hostPorts.length === 0;
  const isPlain = hasNoPolicy && sides.every(([map, text]) => map?.length === 0 && text === '');
  return isPlain ? '' : JSON.stringify([sides, fitPolicy ?? '', ...hostPorts]);
}
