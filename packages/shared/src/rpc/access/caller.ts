import type { Metadata } from '@grpc/grpc-js';
import { type FieldViolation, invalidFields } from '../../model/errors/errors.js';

/** The identity of a caller. Until authentication is configured it consists of the caller's own claims. */
export interface CallerIdentity {
  readonly id: string;
  readonly name?: string;
  readonly email?: string;
  /** The address that the call comes from. */
  readonly peer?: string;
}

const anonymousCallerId = 'anonymous';

/** An identity goes into records and logs, so it is bounded. */
const maxLength = 256;

/**
 * Reads `berth-caller-id`, `berth-caller-name` and `berth-caller-email`.
 * @throws BerthError invalidArgument that names every value that is too long.
 */
export function callerOf(metadata: Metadata, peer?: string): CallerIdentity {
  const [id, name, email] = ['berth-caller-id', 'berth-caller-name', 'berth-caller-email'].map((key) =>
    first(metadata, key),
  );
  const tooLong = Object.entries({
    'berth-caller-id': id,
    'berth-caller-name': name,
    'berth-caller-email': email,
  })
    .filter(([, value]) => (value?.length ?? 0) > maxLength)
    .map(([field]): FieldViolation => ({ field, description: `must have at most ${maxLength} characters` }));
  if (tooLong.length > 0) throw invalidFields(tooLong);
  return {
    id: id ?? anonymousCallerId,
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(peer === undefined ? {} : { peer }),
  };
}

function first(metadata: Metadata, key: string): string | undefined {
  const value = metadata.get(key)[0]?.toString().trim();
  return value === '' ? undefined : value;
}
