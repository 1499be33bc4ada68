/** What every handler checks of its request. */
import { BerthError, type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import { maxIdLength } from './core/limits.js';

/** The one value of a metadata key; undefined where it is not set. */
export function header({ metadata }: CallContext, key: string): string | undefined {
  const text = metadata.get(key)[0]?.toString().trim();
  return text === '' ? undefined : text;
}

/** A repeated creation returns what the first one made for this long. */
export const idempotencyTtlMs = 24 * 3600 * 1000;

export const idempotencyHeader = 'idempotency-key';

/** The name that two creations of one caller with one key both claim; undefined where the caller gives no key. */
export function repeatClaim(call: CallContext, space: 'idem' | 'idemCluster'): string | undefined {
  const key = header(call, idempotencyHeader);
  if (key === undefined) return undefined;
  refuseIf(idViolations(`metadata ${idempotencyHeader}`, key));
  return `${space}:${encodeURIComponent(call.caller.id)}:${key}`;
}

/** What is wrong with an id as such; whether it names anything is another question. */
export function idViolations(field: string, id: string): readonly FieldViolation[] {
  if (id === '') return [{ field, description: 'is required' }];
  if (id.length > maxIdLength) return [{ field, description: `is longer than ${maxIdLength} characters` }];
  return [];
}

/** Fails with INVALID_ARGUMENT that names all the violations, if there are any. */
export function refuseIf(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw invalidFields(violations);
}

/** The value, or INVALID_ARGUMENT with the violations that stand in its place. */
export function orRefuse<T extends object>(
  result: T | { readonly violations: readonly FieldViolation[] },
): T {
  if ('violations' in result) throw invalidFields(result.violations);
  return result;
}

export function failedPrecondition(sentence: string): BerthError {
  return new BerthError('failedPrecondition', sentence);
}

/** No more such jobs may be created as long as those live that do; Titus calls it RESOURCE_EXHAUSTED too. */
export function jobCreateLimited(sentence: string): BerthError {
  return new BerthError('resourceExhausted', sentence);
}
