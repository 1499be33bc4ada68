import type { Constraints, Container } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import type { Expression } from './ast.js';
import { checkExpression } from './check.js';
import { parseExpression } from './parse.js';
import {
  type ConditionName,
  conditionNames,
  type KnownAttributes,
  standardAttributes,
} from './vocabulary.js';

/** One parsed `Constraints` message: hard or soft. */
export interface ConstraintSet {
  readonly conditions: ReadonlySet<ConditionName>;
  /** Each names an attribute, or `host` for an agent's host or id; the agent must have one of the values. */
  readonly attributes: readonly AttributeConstraint[];
  readonly expression?: Expression;
}

export interface AttributeConstraint {
  readonly name: string;
  readonly values: readonly string[];
}

type ParsedConstraints = { readonly set: ConstraintSet } | { readonly violations: readonly FieldViolation[] };

/** Names that are constraints with any agents. */
const knownNames: readonly string[] = [...conditionNames, ...standardAttributes];

/** Nothing is asked for. */
export const noConstraints: ConstraintSet = { conditions: new Set(), attributes: [] };

/**
 * Reads constraints; finds everything that is wrong with them. Without `known` any name but a condition's is
 * taken for an attribute, as it was when the job was submitted. `path` names the message in the violations.
 */
export function parseConstraints(
  message: Constraints | undefined,
  path: string,
  known?: KnownAttributes,
): ParsedConstraints {
  const { constraints = {}, expression: text = '' } = message ?? {};
  const violations: FieldViolation[] = [];
  const conditions = new Set<ConditionName>();
  const attributes: AttributeConstraint[] = [];
  for (const [written, value] of Object.entries(constraints)) {
    const name = canonicalName(written, known);
    const problem = name === undefined ? unknownName(known) : valueProblem(name, value);
    if (name === undefined || problem !== undefined) {
      violations.push({
        field: `${path}.constraints[${JSON.stringify(written)}]`,
        description: problem ?? '',
      });
    } else if (!isCondition(name)) attributes.push({ name, values: listOf(value) });
    else if (value.trim().toLowerCase() === 'true') conditions.add(name);
  }
  const expression = readExpression(text, `${path}.expression`, known);
  if (Array.isArray(expression)) violations.push(...expression);
  if (violations.length > 0) return { violations };
  attributes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { set: { conditions, attributes, ...(expression && { expression: expression as Expression }) } };
}

/** All that is wrong with a container's hard and soft constraints; `path` is the container's. */
export function constraintViolations(
  container: Container,
  path: string,
  known: KnownAttributes,
): readonly FieldViolation[] {
  const violations = (['hardConstraints', 'softConstraints'] as const).flatMap((field) => {
    const parsed = parseConstraints(container[field], `${path}.${field}`, known);
    return 'violations' in parsed ? parsed.violations : [];
  });
  const hard = namesIn(container.hardConstraints, known);
  const soft = namesIn(container.softConstraints, known);
  const both = [...soft].filter((name) => hard.has(name));
  return [
    ...violations,
    ...both.map((name) => ({
      field: `${path}.softConstraints.constraints[${JSON.stringify(name)}]`,
      description: 'is a hard constraint already; a constraint is either hard or soft',
    })),
  ];
}

function namesIn(message: Constraints | undefined, known: KnownAttributes): ReadonlySet<string> {
  return new Set(Object.keys(message?.constraints ?? {}).map((name) => canonicalName(name, known) ?? name));
}

/** Names of constraints may be written in any case; those of an operator's own attributes as they are. */
function canonicalName(written: string, known: KnownAttributes | undefined): string | undefined {
  const name = knownNames.find((each) => each.toLowerCase() === written.toLowerCase());
  if (name !== undefined) return name;
  return known === undefined || known.has(written) ? written : undefined;
}

function isCondition(name: string): name is ConditionName {
  return (conditionNames as readonly string[]).includes(name);
}

function unknownName(known: KnownAttributes | undefined): string {
  const own = [...(known?.keys() ?? [])].filter((name) => !knownNames.includes(name)).sort();
  return `is not a known constraint; known are ${[...knownNames, ...own].join(', ')}`;
}

function valueProblem(name: string, value: string): string | undefined {
  if (isCondition(name)) {
    return /^(true|false)$/i.test(value.trim())
      ? undefined
      : `is ${JSON.stringify(value)}, but must be true or false`;
  }
  return listOf(value).length > 0 ? undefined : 'is empty; name one value, or several separated by commas';
}

function listOf(value: string): readonly string[] {
  return value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
}

function readExpression(
  text: string,
  field: string,
  known: KnownAttributes | undefined,
): Expression | FieldViolation[] | undefined {
  if (text.trim() === '') return undefined;
  const parsed = parseExpression(text);
  const errors = parsed.ok ? (known === undefined ? [] : checkExpression(parsed.ast, known)) : [parsed.error];
  if (!parsed.ok || errors.length > 0) {
    return errors.map(({ column, message }) => ({ field, description: `column ${column}: ${message}` }));
  }
  return parsed.ast;
}
