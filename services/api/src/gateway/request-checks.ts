/** Checks that every handler makes of its request. */
import { BerthError, type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import { maxIdLength } from './core/limits.js';

/** Returns the one value of a metadata key; undefined if it is not set. */
export function header({ metadata }: CallContext, key: string): string | undefined {
  const text = metadata.get(key)[0]?.toString().trim();
  return text === '' ? undefined : text;
}

/** For this long a repeated creation returns the result of the first one. */
export const idempotencyTtlMs = 24 * 3600 * 1000;

export const idempotencyHeader = 'idempotency-key';

/**
 * Returns the claim that all creations of one caller with the same key share; undefined if the call has no
 * key.
 */
export function repeatClaim(call: CallContext, space: 'idem' | 'idemCluster'): string | undefined {
  const key = header(call, idempotencyHeader);
  if (key === undefined) return undefined;
  refuseIf(idViolations(`metadata ${idempotencyHeader}`, key));
  return `${space}:${encodeURIComponent(call.caller.id)}:${key}`;
}

/** Returns the violations of an id's form. */
export function idViolations(field: string, id: string): readonly FieldViolation[] {
  if (id === '') return [{ field, description: 'is required' }];
  if (id.length > maxIdLength) return [{ field, description: `is longer than ${maxIdLength} characters` }];
  return [];
}

/** Fails with INVALID_ARGUMENT and all violations if there are any. */
export function refuseIf(violations: readonly FieldViolation[]): void {
  if (violations.length > 0) throw invalidFields(violations);
}

/** Returns the value, or fails with INVALID_ARGUMENT and the violations. */
export function orRefuse<T extends object>(
  result: T | { readonly violations: readonly FieldViolation[] },
): T {
  if ('violations' in result) throw invalidFields(result.violations);
  return result;
}

export function failedPrecondition(sentence: string): BerthError {
  return new BerthError('failedPrecondition', sentence);
}

/** Too many jobs are live to create another one. Titus answers with RESOURCE_EXHAUSTED, too. */
export function jobCreateLimited(sentence: string): BerthError {
  return new BerthError('resourceExhausted', sentence);
}
