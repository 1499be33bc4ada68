import type { ScalingPolicy } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import type { ExpressionError } from '../expression/ast.js';
import type { Action, Condition, Target } from './ast.js';
import { checkCondition } from './check.js';
import { parseAction, parseCondition } from './parse.js';

/** More policies than this on one job are refused: each is looked at every few seconds. */
export const maxPolicies = 20;

/** A day, in seconds: longer spans are mistakes. */
const maxSpanSecs = 24 * 3600;

/** The labels of a policy that mean something; others may be anything that does not begin with `berth.`. */
export const policyLabels = {
  coolDown: 'berth.coolDownSecs',
  scaleInCoolDown: 'berth.scaleInCoolDownSecs',
  hysteresis: 'berth.hysteresisPct',
} as const;

/** Adding is urgent, removing is not. */
const defaultCoolDownSecs = 60;
const defaultScaleInCoolDownSecs = 300;
/** Around a target nothing happens within so many per cent of it. */
const defaultTolerancePct = 10;

/** A scaling policy of a service, read. */
export type Policy = ConditionPolicy | TargetPolicy;

interface PolicyTerms {
  /** The condition as its author wrote it: the policy's name for people. */
  readonly text: string;
  /** The time that the condition must hold without a break. */
  readonly durationMs: number;
  /** The least time between the job's last scaling and one by this policy that adds instances. */
  readonly coolDownMs: number;
  /** The same for one that removes instances. */
  readonly scaleInCoolDownMs: number;
  /**
   * Of a condition: the amount by which its level relaxes once it is met. Of a target: the band in which
   * nothing happens.
   */
  readonly hysteresisPct: number;
}

export interface ConditionPolicy extends PolicyTerms {
  readonly kind: 'condition';
  readonly condition: Condition;
  readonly action: Action;
  readonly actionText: string;
}

export interface TargetPolicy extends PolicyTerms {
  readonly kind: 'target';
  readonly target: Target;
}

/** The policy, or everything that is wrong with it; paths are relative to the policy. */
export function readPolicy(
  policy: ScalingPolicy,
): Policy | { readonly violations: readonly FieldViolation[] } {
  const violations: FieldViolation[] = [];
  const refuse = (field: string, description: string) => violations.push({ field, description });
  const condition = readCondition(policy.condition, refuse);
  const terms = readTerms(policy, condition?.kind === 'target', refuse);
  const action = readAction(policy.action, condition?.kind, refuse);
  if (violations.length > 0 || condition === undefined) return { violations };
  if (condition.kind === 'target') return { kind: 'target', target: condition, ...terms };
  if (action === undefined) return { violations };
  return { kind: 'condition', condition, action, actionText: policy.action.trim(), ...terms };
}

/** The metrics that the policy looks at. */
export function policyMetrics(policy: Policy): readonly string[] {
  return policy.kind === 'target' ? [policy.target.metric.name] : metricsIn(policy.condition);
}

function metricsIn(condition: Condition): readonly string[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return [...metricsIn(condition.left), ...metricsIn(condition.right)];
    case 'not':
      return metricsIn(condition.operand);
    case 'compare':
      return [condition.left.metric.name];
  }
}

type RefuseField = (field: string, description: string) => void;

function readCondition(text: string, refuse: RefuseField): Condition | Target | undefined {
  if (text.trim() === '') {
    refuse('condition', 'is required, such as avg(CPUUtilization) > 80% or target(CPUUtilization) = 60%');
    return undefined;
  }
  const parsed = parseCondition(text);
  const errors = parsed.ok ? checkCondition(parsed.ast) : [parsed.error];
  if (errors.length > 0) refuse('condition', errors.map(errorText).join('; '));
  return parsed.ok ? parsed.ast : undefined;
}

/** Only a target decides its own action; every other condition needs one. */
function readAction(
  text: string,
  kind: (Condition | Target)['kind'] | undefined,
  refuse: RefuseField,
): Action | undefined {
  const isGiven = text.trim() !== '';
  if (kind === 'target') {
    if (isGiven) refuse('action', 'must be left out: the target itself says how many instances are needed');
    return undefined;
  }
  if (!isGiven) {
    if (kind !== undefined) refuse('action', 'is required, such as addInstances 1 or removePercent 10');
    return undefined;
  }
  const parsed = parseAction(text);
  const errors = parsed.ok ? checkAction(parsed.ast) : [parsed.error];
  if (errors.length > 0) refuse('action', errors.map(errorText).join('; '));
  return parsed.ok ? parsed.ast : undefined;
}

function checkAction({ verb, amount }: Action): readonly ExpressionError[] {
  const column = verb.length + 2;
  if (verb === 'setInstances' && amount < 1)
    return [{ column, message: 'a job without instances has no metrics that could bring it back' }];
  if (amount < 1) return [{ column, message: 'must be at least 1' }];
  if (verb === 'removePercent' && amount > 100) return [{ column, message: 'must be at most 100' }];
  return [];
}

function readTerms(policy: ScalingPolicy, isTarget: boolean, refuse: RefuseField): PolicyTerms {
  if (policy.durationSecs > maxSpanSecs)
    refuse('durationSecs', `is ${policy.durationSecs}, but at most ${maxSpanSecs} is allowed`);
  const number = (name: string, max: number): number | undefined => {
    const text = Object.hasOwn(policy.labels, name) ? (policy.labels[name] ?? '') : undefined;
    if (text === undefined) return undefined;
    const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : undefined;
    if (value !== undefined && value <= max) return value;
    refuse(
      `labels[${JSON.stringify(name)}]`,
      `is ${JSON.stringify(text)}, but must be a whole number up to ${max}`,
    );
    return undefined;
  };
  const known: readonly string[] = Object.values(policyLabels);
  for (const name of Object.keys(policy.labels)) {
    if (!name.startsWith('berth.') || known.includes(name)) continue;
    refuse(`labels[${JSON.stringify(name)}]`, `is not known; known are ${known.join(', ')}`);
  }
  const coolDownSecs = number(policyLabels.coolDown, maxSpanSecs);
  const scaleInSecs = number(policyLabels.scaleInCoolDown, maxSpanSecs);
  const scaleInDefault = Math.max(defaultScaleInCoolDownSecs, coolDownSecs ?? 0);
  return {
    text: policy.condition.trim(),
    durationMs: policy.durationSecs * 1000,
    coolDownMs: (coolDownSecs ?? defaultCoolDownSecs) * 1000,
    // A policy that only removes may say its cool-down by the one label or by the other.
    scaleInCoolDownMs: (scaleInSecs ?? (isTarget ? scaleInDefault : (coolDownSecs ?? scaleInDefault))) * 1000,
    hysteresisPct: number(policyLabels.hysteresis, 100) ?? (isTarget ? defaultTolerancePct : 0),
  };
}

function errorText({ column, message }: ExpressionError): string {
  return `column ${column}: ${message}`;
}
