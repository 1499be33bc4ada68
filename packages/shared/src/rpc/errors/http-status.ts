/** Translates gRPC statuses to HTTP. The table in `status.ts` maps errors to gRPC statuses. */
import { type ServiceError, status } from '@grpc/grpc-js';
import type { FieldViolation, IdFailure } from '../../model/errors/errors.js';
import { fromServiceError, statusOf } from './status.js';

/** The one table from gRPC statuses to HTTP statuses, as google.rpc.Code documents them. */
const httpStatusOf: ReadonlyMap<number, number> = new Map([
  [status.OK, 200],
  [status.INVALID_ARGUMENT, 400],
  [status.FAILED_PRECONDITION, 400],
  [status.OUT_OF_RANGE, 400],
  [status.UNAUTHENTICATED, 401],
  [status.PERMISSION_DENIED, 403],
  [status.NOT_FOUND, 404],
  [status.ABORTED, 409],
  [status.ALREADY_EXISTS, 409],
  [status.RESOURCE_EXHAUSTED, 429],
  // Nobody reads it: the caller has gone.
  [status.CANCELLED, 499],
  [status.UNIMPLEMENTED, 501],
  [status.UNAVAILABLE, 503],
  [status.DEADLINE_EXCEEDED, 504],
]);

/** An error as JSON. */
export interface HttpErrorBody {
  /** The name of the gRPC status, such as `INVALID_ARGUMENT`. */
  readonly code: string;
  readonly message: string;
  /** The invalid fields, with their faults. */
  readonly violations?: readonly FieldViolation[];
  /**
   * For a call that names several objects and attempts all of them: those that failed, each with its own
   * code.
   */
  readonly failures?: readonly { readonly id: string; readonly code: string; readonly message: string }[];
  /** The call may be made again after so long. */
  readonly retryAfterMs?: number;
  /** The name of the call in the server's log. */
  readonly requestId?: string;
}

interface HttpError {
  readonly httpStatus: number;
  readonly body: HttpErrorBody;
}

/** Every name that {@link HttpErrorBody.code} can have. */
export const httpErrorCodes: readonly string[] = [...httpStatusOf.keys(), status.INTERNAL]
  .filter((code) => code !== status.OK)
  .map((code) => status[code] ?? '');

/** Translates the error that a handler answered with. A status that the table does not know becomes 500. */
export function toHttpError(error: ServiceError): HttpError {
  const { message, violations, failures, retryAfterMs, requestId } = fromServiceError(error);
  return {
    httpStatus: httpStatusOf.get(error.code) ?? 500,
    body: {
      code: status[error.code] ?? 'UNKNOWN',
      message,
      ...(violations.length === 0 ? {} : { violations }),
      ...(failures.length === 0 ? {} : { failures: failures.map(namedFailure) }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(requestId === undefined ? {} : { requestId }),
    },
  };
}

function namedFailure({ id, code, message }: IdFailure) {
  return { id, code: status[statusOf[code]], message };
}
