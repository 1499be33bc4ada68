import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { Status } from '../../gen/google/rpc/status.js';
import { BerthError, type BerthErrorCode, type BerthErrorOptions } from '../../model/errors/errors.js';
import type { Logger } from '../../process/logger.js';
import { decodeDetails, encodeDetails } from './error-details.js';

/** The one table from Berth's error codes to gRPC statuses. */
export const statusOf = {
  invalidArgument: status.INVALID_ARGUMENT,
  notFound: status.NOT_FOUND,
  failedPrecondition: status.FAILED_PRECONDITION,
  // A retry may succeed. ABORTED says that and FAILED_PRECONDITION does not.
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
const internalText = 'Internal error. The server has logged what happened.';

/**
 * The most characters of an error in the headers of its answer. A header that something on the way refuses
 * takes the whole status with it: nginx reads all headers of an answer into one page of 4 KiB, many clients
 * into 8 KiB. On the wire the headers are compressed, to less than nine tenths.
 */
const maxHeaderChars = 4_400;

/** The most characters of the message among them. It is percent-encoded: a letter of Chinese has nine. */
const maxMessageChars = 1_000;

/** Room in the headers beside the message and the lists: keys, the request's id, the names of types. */
const otherHeaderChars = 250;
const otherDetailBytes = 250;

/**
 * Returns the answer for an error. Callers see only a {@link BerthError}. For any other error they learn
 * that the server failed, and the log gets the rest. The details of the error go along as
 * `google.rpc.Status` details, as far as they fit, together with the id of the call in the log.
 */
export function toServiceError(error: unknown, log: Pick<Logger, 'error'>, requestId?: string): ServiceError {
  if (error instanceof CallCancelled) return serviceError(status.CANCELLED, error.message, { requestId });
  if (!(error instanceof BerthError)) {
    log.error({ err: error }, 'unexpected error in a call');
    return serviceError(status.INTERNAL, internalText, { requestId });
  }
  if (error.code === 'internal') log.error({ err: error }, 'internal error in a call');
  const { violations, failures, retryAfterMs } = error;
  const details = { violations, failures, retryAfterMs, requestId };
  return serviceError(statusOf[error.code], shorten(error.message), details);
}

function serviceError(code: status, message: string, says: BerthErrorOptions): ServiceError {
  const metadata = new Metadata();
  const details = encodeDetails(says, {
    statusOf: (each) => statusOf[each],
    maxListBytes: listBytesBeside(message),
  });
  if (details.length > 0) {
    const bytes = Status.encode(Status.fromPartial({ code, message, details })).finish();
    metadata.set(detailsKey, Buffer.from(bytes));
  }
  return Object.assign(new Error(message), { code, details: message, metadata });
}

/**
 * Returns the room for lists of details. The details repeat the message, and their bytes are sent in base64:
 * four characters for three bytes.
 */
function listBytesBeside(message: string): number {
  const chars = maxHeaderChars - encodedChars(message) - otherHeaderChars;
  return Math.floor((chars * 3) / 4) - Buffer.byteLength(message) - otherDetailBytes;
}

/** Bounded, and without the lone surrogates that percent-encoding a status message throws on. */
function shorten(message: string): string {
  const wellFormed = message.replace(/\p{Surrogate}/gu, '\uFFFD');
  if (encodedChars(wellFormed) <= maxMessageChars) return wellFormed;
  let chars = 0;
  let end = 0;
  for (const each of wellFormed) {
    chars += encodedChars(each);
    if (chars > maxMessageChars) break;
    end += each.length;
  }
  return `${wellFormed.slice(0, end)}…`;
}

/** Returns the length of the text as grpc-js sends it. */
function encodedChars(text: string): number {
  return encodeURI(text).length;
}

/**
 * Returns the BerthError behind an error of a call, with all its details. This is the client's side of the
 * table.
 */
export function fromServiceError(error: unknown): BerthError {
  if (error instanceof BerthError) return error;
  if (!isServiceError(error)) return new BerthError('internal', String(error), { cause: error });
  return new BerthError(codeOf(error.code), error.details, { ...detailsOf(error), cause: error });
}

function codeOf(code: number): BerthErrorCode {
  return codeOfStatus.get(code) ?? 'internal';
}

/** True if a grpc-js client rejected with this error. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

function detailsOf(error: ServiceError): BerthErrorOptions {
  const encoded = error.metadata?.get(detailsKey)[0];
  if (!Buffer.isBuffer(encoded)) return {};
  try {
    return decodeDetails(Status.decode(encoded).details, codeOf);
  } catch {
    // Details that cannot be read take nothing away from the status itself.
    return {};
  }
}
