/** The kinds of failure of a request. `rpc/errors/status` maps each code to a gRPC status. */
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

/** The failure of one of several things that a call names. */
export interface IdFailure {
  readonly id: string;
  readonly code: BerthErrorCode;
  readonly message: string;
}

/** An error for the caller. The message is a whole sentence, with a remedy. */
export class BerthError extends Error {
  override readonly name = 'BerthError';
  readonly code: BerthErrorCode;
  readonly violations: readonly FieldViolation[];
  /** For a call that names several objects and attempts all of them: those that failed. */
  readonly failures: readonly IdFailure[];
  /** The call may be made again after so long. */
  readonly retryAfterMs: number | undefined;
  /** For the caller: the id of the call in the server's log. */
  readonly requestId: string | undefined;

  constructor(code: BerthErrorCode, message: string, options: BerthErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.violations = options.violations ?? [];
    this.failures = options.failures ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.requestId = options.requestId;
  }
}

export interface BerthErrorOptions {
  readonly violations?: readonly FieldViolation[];
  readonly failures?: readonly IdFailure[];
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
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

/**
 * If several codes apply, the first in this order stands for all. Codes that another attempt may mend come
 * first.
 */
const gravity: readonly BerthErrorCode[] = [
  'internal',
  'unavailable',
  'deadlineExceeded',
  'resourceExhausted',
  'conflict',
  'unauthenticated',
  'permissionDenied',
  'failedPrecondition',
  'notFound',
  'outOfRange',
  'unimplemented',
  'invalidArgument',
];

/**
 * Returns the error of a call in which some objects failed and others succeeded. The first parameter names
 * the objects, in the plural.
 */
export function partialFailure(what: string, failures: readonly IdFailure[], attempted: number): BerthError {
  const codes = new Set(failures.map(({ code }) => code));
  const code = gravity.find((each) => codes.has(each)) ?? 'internal';
  const all = failures.map(({ id, message }) => `${id}: ${message}`).join('; ');
  return new BerthError(code, `${failures.length} of ${attempted} ${what} failed: ${all}`, { failures });
}
