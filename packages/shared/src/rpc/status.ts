import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { Any } from '../gen/google/protobuf/any.js';
import { BadRequest } from '../gen/google/rpc/error_details.js';
import { Status } from '../gen/google/rpc/status.js';
import { BerthError, type BerthErrorCode, type FieldViolation } from '../model/errors.js';
import type { Logger } from '../process/logger.js';

/** The one table of what an error is called on the wire. */
const statusOf = {
  invalidArgument: status.INVALID_ARGUMENT,
  notFound: status.NOT_FOUND,
  failedPrecondition: status.FAILED_PRECONDITION,
  // A retry may win, which ABORTED says and FAILED_PRECONDITION does not.
  conflict: status.ABORTED,
  resourceExhausted: status.RESOURCE_EXHAUSTED,
  unauthenticated: status.UNAUTHENTICATED,
  permissionDenied: status.PERMISSION_DENIED,
  unimplemented: status.UNIMPLEMENTED,
  unavailable: status.UNAVAILABLE,
  deadlineExceeded: status.DEADLINE_EXCEEDED,
  outOfRange: status.OUT_OF_RANGE,
  internal: status.INTERNAL,
} as const satisfies Record<BerthErrorCode, status>;

/** The table read backwards, with a home for the statuses that Berth itself never sends. */
const codeOfStatus: ReadonlyMap<number, BerthErrorCode> = new Map<number, BerthErrorCode>([
  ...Object.entries(statusOf).map(([code, value]) => [value, code as BerthErrorCode] as const),
  [status.ALREADY_EXISTS, 'conflict'],
  // Something between client and server gave the call up; it may be made again.
  [status.CANCELLED, 'unavailable'],
]);

/** The caller has gone: nobody hears the answer any more. */
export class CallCancelled extends Error {
  override readonly name = 'CallCancelled';
  constructor() {
    super('The call was cancelled by the caller.');
  }
}

const detailsKey = 'grpc-status-details-bin';
const badRequestType = 'type.googleapis.com/google.rpc.BadRequest';
const internalText = 'Internal error. The server has logged what happened.';

/** Many clients refuse trailers of more than 8 KB in all, and would then lose the whole status. */
const maxMessageChars = 1000;
const maxViolationBytes = 2500;

/**
 * What to answer for an error. Only a {@link BerthError} is shown to callers; of anything else they learn that the
 * server failed, and the log learns the rest. Field violations go along as `google.rpc.BadRequest`, as many as fit.
 */
export function toServiceError(error: unknown, log: Pick<Logger, 'error'>): ServiceError {
  if (error instanceof CallCancelled) return serviceError(status.CANCELLED, error.message);
  if (!(error instanceof BerthError)) {
    log.error({ err: error }, 'unexpected error in a call');
    return serviceError(status.INTERNAL, internalText);
  }
  if (error.code === 'internal') log.error({ err: error }, 'internal error in a call');
  return serviceError(statusOf[error.code], shorten(error.message), error.violations);
}

function serviceError(
  code: status,
  details: string,
  violations: readonly FieldViolation[] = [],
): ServiceError {
  const metadata = new Metadata();
  if (violations.length > 0) metadata.set(detailsKey, encodeDetails(code, details, violations));
  return Object.assign(new Error(details), { code, details, metadata });
}

function encodeDetails(code: status, message: string, violations: readonly FieldViolation[]): Buffer {
  const badRequest = BadRequest.fromPartial({ fieldViolations: fitting(violations) });
  const value = Buffer.from(BadRequest.encode(badRequest).finish());
  const details = [Any.fromPartial({ typeUrl: badRequestType, value })];
  return Buffer.from(Status.encode(Status.fromPartial({ code, message, details })).finish());
}

/** The first violations that fit, and how many more there are. */
function fitting(violations: readonly FieldViolation[]): FieldViolation[] {
  let bytes = 0;
  const fits = violations.findIndex(({ field, description }) => {
    bytes += Buffer.byteLength(field) + Buffer.byteLength(description) + 8;
    return bytes > maxViolationBytes;
  });
  if (fits < 0) return [...violations];
  return [
    ...violations.slice(0, fits),
    { field: '', description: `${violations.length - fits} more fields are wrong` },
  ];
}

/** Bounded, and without the lone surrogates that percent-encoding a status message throws on. */
function shorten(message: string): string {
  const wellFormed = message.replace(/\p{Surrogate}/gu, '\uFFFD');
  return wellFormed.length <= maxMessageChars ? wellFormed : `${wellFormed.slice(0, maxMessageChars)}…`;
}

/** The client's side of the table: an error of a call as the BerthError that caused it, field violations included. */
export function fromServiceError(error: unknown): BerthError {
  if (error instanceof BerthError) return error;
  if (!isServiceError(error)) return new BerthError('internal', String(error), { cause: error });
  const code = codeOfStatus.get(error.code) ?? 'internal';
  return new BerthError(code, error.details, { cause: error, violations: violationsOf(error) });
}

/** Whether this is what a grpc-js client rejects with. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

function violationsOf(error: ServiceError): readonly FieldViolation[] {
  const encoded = error.metadata?.get(detailsKey)[0];
  if (!Buffer.isBuffer(encoded)) return [];
  try {
    const { details } = Status.decode(encoded);
    return details
      .filter(({ typeUrl }) => typeUrl === badRequestType)
      .flatMap(({ value }) => BadRequest.decode(value).fieldViolations)
      .map(({ field, description }) => ({ field, description }));
  } catch {
    // Details that cannot be read take nothing away from the status itself.
    return [];
  }
}
