import type { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import { containerOf, jobKind } from './job.js';
import { noStage } from './stages.js';

/** The order among the agents that a task may run on. */
export const fitPolicies = ['binpack', 'spread', 'fragmentation'] as const;

/**
 * `binpack` takes the fullest agent, `spread` the emptiest. `fragmentation` takes the agent that loses the
 * least useful capacity for the mix of requests seen so far.
 */
export type FitPolicy = (typeof fitPolicies)[number];

const tiers = ['critical', 'flex'] as const;

/** Tasks of the critical tier are placed before all others. */
export type Tier = (typeof tiers)[number];

const tierLabel = 'berth.tier';
export const priorityLabel = 'berth.priority';
const capacityGroupLabel = 'berth.capacityGroup';
const disruptionLimitLabel = 'berth.disruptionLimit';
const fitPolicyParameter = 'berth.fitPolicy';
const spreadParameter = 'berth.spread';

/** The greatest priority; it is placed first within its tier. */
export const maxPriority = 1000;

/** The lowest priority. It is below that of jobs without a priority, which count as 0. */
export const minPriority = -1000;

/** The greatest limit of disruption. */
const maxDisruptionLimit = 10_000;

/** A job's preferences for the order and the fit of its tasks' placement. */
interface Preferences {
  readonly tier: Tier;
  readonly priority: number;
  readonly capacityGroup: string;
  /**
   * The number of tasks that the system may move or preempt at a time; undefined: the kind of job decides.
   */
  readonly disruptionLimit?: number;
  /** Undefined: the cell's own. */
  readonly fitPolicy?: FitPolicy;
  /** True if tasks of the job keep away from one another. */
  readonly spreads: boolean;
}

/** Returns the job's preferences, with defaults (flex, 0, the application's name) for unset ones. */
export function preferencesOf(descriptor: JobDescriptor, stage: number = noStage): Preferences {
  const { labels } = descriptor;
  const parameters = containerOf(descriptor, stage)?.parameters ?? {};
  const fitPolicy = fitPolicies.find((each) => each === parameters[fitPolicyParameter]);
  return {
    tier: labels[tierLabel] === 'critical' ? 'critical' : 'flex',
    priority: Number(labels[priorityLabel] ?? 0) || 0,
    capacityGroup: labels[capacityGroupLabel] ?? descriptor.appName,
    ...disruptionLimitIn(labels),
    ...(fitPolicy && { fitPolicy }),
    spreads: spreadIn(parameters) ?? (jobKind(descriptor) === 'service' && fitPolicy === undefined),
  };
}

/** Undefined: the kind of job decides. A service that chooses its own fit is not spread. */
function spreadIn(parameters: Readonly<Record<string, string>>): boolean | undefined {
  const text = parameters[spreadParameter] ?? '';
  return text === '' ? undefined : text === 'true';
}

/** Returns the faults in a descriptor's placement preferences. Constraints are checked elsewhere. */
export function preferenceViolations({ labels, containers }: JobDescriptor): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, value: string, meaning: string) =>
    violations.push({ field, description: `is ${JSON.stringify(value)}, but must be ${meaning}` });
  const tier = labels[tierLabel];
  if (tier !== undefined && !includes(tiers, tier)) refuse(labelField(tierLabel), tier, tiers.join(' or '));
  const priority = labels[priorityLabel];
  if (priority !== undefined && !isPriority(priority)) {
    refuse(labelField(priorityLabel), priority, `a whole number from ${minPriority} to ${maxPriority}`);
  }
  const limit = labels[disruptionLimitLabel];
  if (limit !== undefined && !isLimit(limit)) {
    refuse(labelField(disruptionLimitLabel), limit, `a whole number from 0 to ${maxDisruptionLimit}`);
  }
  for (const [id, { parameters }] of Object.entries(containers)) {
    const field = (name: string) => `containers[${JSON.stringify(id)}].parameters[${JSON.stringify(name)}]`;
    const { [fitPolicyParameter]: policy, [spreadParameter]: spread = '' } = parameters;
    if (policy !== undefined && !includes(fitPolicies, policy))
      refuse(field(fitPolicyParameter), policy, `one of ${fitPolicies.join(', ')}`);
    if (!['', 'true', 'false'].includes(spread)) refuse(field(spreadParameter), spread, 'true or false');
  }
  return violations;
}

function labelField(label: string): string {
  return `labels[${JSON.stringify(label)}]`;
}

function isPriority(text: string): boolean {
  return /^-?\d{1,4}$/.test(text) && Number(text) >= minPriority && Number(text) <= maxPriority;
}

function disruptionLimitIn(labels: JobDescriptor['labels']): Pick<Preferences, 'disruptionLimit'> {
  const limit = labels[disruptionLimitLabel];
  return limit !== undefined && isLimit(limit) ? { disruptionLimit: Number(limit) } : {};
}

function isLimit(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= maxDisruptionLimit;
}

function includes(words: readonly string[], word: string): boolean {
  return words.includes(word);
}
