/** What can go wrong with a request. `rpc/status` maps each code to a gRPC status. */
export type BerthErrorCode =
  | 'invalidArgument'
  | 'notFound'
  | 'failedPrecondition'
  | 'conflict'
  | 'resourceExhausted'
  | 'unauthenticated'
  | 'permissionDenied'
  | 'unimplemented'
  | 'unavailable'
  | 'deadlineExceeded'
  | 'outOfRange'
  | 'internal';

/** One thing that is wrong with one field; `field` is a path such as `containers["main"].resources.cpu`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** An error meant for the caller: the message is a whole sentence that says what to do about it. */
export class BerthError extends Error {
  override readonly name = 'BerthError';
  readonly code: BerthErrorCode;
  readonly violations: readonly FieldViolation[];

  constructor(code: BerthErrorCode, message: string, options: BerthErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.violations = options.violations ?? [];
  }
}

export interface BerthErrorOptions {
  readonly violations?: readonly FieldViolation[];
  readonly cause?: unknown;
}

export function notFound(kind: 'job' | 'task' | 'job cluster' | 'agent', id: string): BerthError {
  return new BerthError('notFound', `There is no ${kind} ${JSON.stringify(id)}.`);
}

/** INVALID_ARGUMENT that names every offending field at once. */
export function invalidFields(violations: readonly FieldViolation[]): BerthError {
  const all = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new BerthError('invalidArgument', `The request is not valid: ${all}`, { violations });
}
