import type { FieldViolation } from '@berth/shared/model/errors/errors';

/** Criteria of a request. */
export type Criteria = Readonly<Record<string, string>>;

/** Reads the values of one criterion. A string describes the values that it accepts. */
type Reader<C> = (values: ReadonlySet<string>, criteria: Criteria) => C | string;

/** The criteria that a query knows. */
export interface Vocabulary<C> {
  readonly readers: Readonly<Record<string, Reader<C>>>;
  /** Other names of theirs. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** Returns the meaning of each criterion, or all violations. */
export function parseCriteria<C extends object>(
  criteria: Criteria,
  { readers, aliases }: Vocabulary<C>,
): { readonly parsed: readonly C[] } | { readonly violations: readonly FieldViolation[] } {
  const violations: FieldViolation[] = [];
  const refuse = (key: string, description: string) => {
    violations.push({ field: `fiterlingCriteria[${JSON.stringify(key.slice(0, 60))}]`, description });
  };
  const parsed: C[] = [];
  for (const [key, value] of Object.entries(criteria)) {
    const name = Object.hasOwn(aliases, key) ? (aliases[key] ?? key) : key;
    const values = valuesOf(value);
    const read = Object.hasOwn(readers, name) ? readers[name]?.(values, criteria) : undefined;
    if (read === undefined) refuse(key, `is not a known criterion; known are ${namesOf(readers, aliases)}`);
    else if (values.size === 0) refuse(key, 'has no value');
    else if (typeof read === 'string') refuse(key, `is ${quote(value)}, but must be ${read}`);
    else parsed.push(read);
  }
  return violations.length > 0 ? { violations } : { parsed };
}

function namesOf(...tables: readonly object[]): string {
  return tables.flatMap((table) => Object.keys(table)).join(', ');
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

function valuesOf(text: string): ReadonlySet<string> {
  const values = text.split(',').map((value) => value.trim());
  return new Set(values.filter((value) => value !== ''));
}

/** True if all values are among the known ones. */
export function areAmong(values: ReadonlySet<string>, known: readonly string[]): boolean {
  return [...values].every((value) => known.includes(value));
}

/** `true` or `false`; undefined for anything else. */
export function booleanOf(values: ReadonlySet<string>): boolean | undefined {
  const [value] = values;
  if (values.size !== 1 || (value !== 'true' && value !== 'false')) return undefined;
  return value === 'true';
}
