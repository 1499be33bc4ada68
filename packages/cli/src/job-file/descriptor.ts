import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { z } from 'zod';
import { UsageError } from '../errors/usage-error.js';
import { amountProblems } from './amounts.js';
import { fromFullForm, fullForm } from './full-form.js';
import { fromShortForm, shortForm } from './short-form.js';
import { fromStagesForm, stagesForm } from './stages-form.js';

const shortFields = fieldsOnlyIn(shortForm.shape, fullForm.shape);
const fullFields = fieldsOnlyIn(fullForm.shape, shortForm.shape);

/** True if the fields are in one of the short forms. */
export function isShortForm(fields: object): boolean {
  return 'stages' in fields || !Object.keys(fields).some((field) => fullFields.has(field));
}

/**
 * Converts the fields into a descriptor; it serves files and flags alike.
 * @throws UsageError that begins with `complaint`.
 */
export function toDescriptor(fields: object, complaint: string): JobDescriptor {
  if ('stages' in fields) return fromStagesForm(check(stagesForm, fields, complaint));
  const isFull = isFullForm(Object.keys(fields), complaint);
  if (isFull) return fromFullForm(check(fullForm, fields, complaint));
  return fromShortForm(check(shortForm, fields, complaint));
}

function check<S extends z.ZodType>(schema: S, fields: object, complaint: string): z.output<S> {
  const parsed = schema.safeParse(fields);
  if (parsed.success) return parsed.data;
  throw new UsageError(complaint, [...problemsOf(parsed.error.issues), ...amountProblems(fields)]);
}

function isFullForm(fields: readonly string[], complaint: string): boolean {
  const short = fields.filter((field) => shortFields.has(field));
  const full = fields.filter((field) => fullFields.has(field));
  if (short.length === 0 || full.length === 0) return full.length > 0;
  const both = `${full.join(', ')} of the API's form and ${short.join(', ')} of the short form cannot be mixed.`;
  throw new UsageError(complaint, [both]);
}

/** Returns `path: problem` for each wrong field. */
function problemsOf(issues: readonly z.core.$ZodIssue[]): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'invalid_union') return unionProblems(issue);
    if (issue.code !== 'unrecognized_keys') return [problem(issue.path, messageOf(issue))];
    const messages = issue.message.split('\n');
    return issue.keys.map((key, index) => problem([...issue.path, key], messages[index] ?? ''));
  });
}

/** If the value has the type of one branch, the problems of that branch are the useful ones. */
function unionProblems(issue: z.core.$ZodIssueInvalidUnion): string[] {
  const inside = issue.errors.find((issues) => !issues.some(isOfOtherType));
  if (inside === undefined) return [problem(issue.path, messageOf(issue))];
  return problemsOf(inside.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })));
}

function isOfOtherType({ path, code }: z.core.$ZodIssue): boolean {
  const otherTypes = ['invalid_type', 'invalid_value', 'invalid_union'];
  return path.length === 0 && otherTypes.includes(code ?? '');
}

/** Zod's own words for a missing field are less clear. */
function messageOf({ message }: z.core.$ZodIssue): string {
  return message.startsWith('Invalid') && message.endsWith('received undefined') ? 'is required' : message;
}

function problem(path: readonly PropertyKey[], message: string): string {
  return path.length === 0 ? message : `${formatPath(path)}: ${message}`;
}

/** `containers.main.env["A B"]`, `ports[1]`. */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      const text = String(part);
      if (!/^[\w-]+$/.test(text)) return `[${JSON.stringify(text)}]`;
      return index === 0 ? text : `.${text}`;
    })
    .join('');
}

function fieldsOnlyIn(shape: object, other: object): ReadonlySet<string> {
  return new Set(Object.keys(shape).filter((field) => !(field in other)));
}
