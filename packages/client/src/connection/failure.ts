import { BerthError } from '@berth/shared/model/errors/errors';
import { fromServiceError } from '@berth/shared/rpc/errors/status';
import { type ServiceError, status } from '@grpc/grpc-js';

/** These calls never left this machine. So any of them is safe to repeat. */
const neverSentTexts = ['No connection established', 'Name resolution failed'];
const brokenTexts = [
  ...neverSentTexts,
  'Connection dropped',
  'ECONNRESET',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EPIPE',
];

/**
 * grpc-js reports this text, as an error of the server, if the connection of a running call is taken down.
 */
const withoutStatusText = 'Call ended without gRPC status';

const reasons: ReadonlyMap<string, string> = new Map([
  ['ECONNREFUSED', 'the connection was refused'],
  ['ENOTFOUND', 'the host name is not known'],
  ['EAI_AGAIN', 'the host name could not be looked up'],
  ['Name resolution failed', 'the host name is not known'],
  ['EHOSTUNREACH', 'there is no route to the host'],
  ['ENETUNREACH', 'there is no route to the network'],
  ['ETIMEDOUT', 'the connection timed out'],
  ['ECONNRESET', 'the connection was lost'],
  ['EPIPE', 'the connection was lost'],
  ['Connection dropped', 'the connection was lost'],
  [withoutStatusText, 'the connection was lost'],
  ['Protocol error', 'the answer is not gRPC (is it the HTTP port?)'],
  ['wrong version number', 'the answer is not TLS'],
  ['Failed to connect', 'the connection was closed at once'],
]);

/** No gateway is reachable. By contrast, UNAVAILABLE in an answer comes from a gateway. */
export class UnreachableError extends BerthError {
  readonly address: string;
  /** The reason, in words that follow "since" or a colon. */
  readonly reason: string;

  constructor(address: string, reason: string, cause: unknown) {
    super('unavailable', `The gateway at ${address} cannot be reached: ${reason}.`, { cause });
    this.address = address;
    this.reason = reason;
  }
}

/** Converts a failure of grpc-js into the error for callers. */
export function toBerthError(error: ServiceError, address: string): BerthError {
  if (isOwnDeadline(error)) {
    return new BerthError('deadlineExceeded', `The gateway at ${address} did not answer in time.`, {
      cause: error,
    });
  }
  if (!isBroken(error)) return fromServiceError(error);
  return new UnreachableError(address, reasonOf(error), error);
}

/** Returns the reason of a failure, in words that follow a colon. */
export function reasonOf({ details }: ServiceError): string {
  const known = [...reasons].find(([text]) => details.includes(text));
  if (known !== undefined) return known[1];
  // grpc-js wraps the error of the last attempt to connect.
  const last = /Last error: (?:Error: )?(.*?)\.? Resolution note:/s.exec(details)?.[1];
  return last?.trim() ?? details;
}

/** True if the call certainly had no effect, since no gateway ever saw it. */
export function wasNeverSent(error: ServiceError): boolean {
  return error.code === status.UNAVAILABLE && neverSentTexts.some((text) => error.details.includes(text));
}

/** True for the client's own deadline. grpc-js describes it in words for its developers. */
function isOwnDeadline({ code, details }: ServiceError): boolean {
  return code === status.DEADLINE_EXCEEDED && details.startsWith('Deadline exceeded');
}

/** True if the failure is one of this gateway at this time. Then another attempt can succeed. */
export function isPassing(error: ServiceError): boolean {
  return error.code === status.UNAVAILABLE || error.code === status.DEADLINE_EXCEEDED || isBroken(error);
}

function isBroken({ code, details }: ServiceError): boolean {
  if (code === status.INTERNAL) return details.includes(withoutStatusText);
  return code === status.UNAVAILABLE && brokenTexts.some((text) => details.includes(text));
}
