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

/**
 * Statuses that grpc-js makes itself if something between client and gateway resets the stream (RST_STREAM),
 * or answers in place of the gateway. Each load balancer has its own HTTP/2 codes for a time-out or a reload:
 * nginx sends 2, HAProxy 8, application load balancers 1 and 11. A gateway never sends these texts.
 */
const resetTexts: ReadonlyMap<status, RegExp> = new Map([
  [status.INTERNAL, /^(Received RST_STREAM with code \d+|Write error: )/],
  [status.RESOURCE_EXHAUSTED, /^Bandwidth exhausted or memory limit exceeded$/],
  [status.CANCELLED, /^Call cancelled$/],
  [status.UNKNOWN, /^Received HTTP status code (408|425|5\d\d)$/],
  [
    status.UNAVAILABLE,
    /^(Received HTTP status code |Stream refused by server$|Write error: |RST_STREAM closed stream)/,
  ],
]);

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
  ['Bandwidth exhausted or memory limit exceeded', 'the stream was reset on the way (HTTP/2 code 11)'],
  ['Call cancelled', 'the stream was reset on the way (HTTP/2 code 8)'],
  ['Stream refused by server', 'the stream was refused on the way (HTTP/2 code 7)'],
  ['RST_STREAM closed stream', 'the stream was reset on the way'],
  ['Write error', 'the connection was lost'],
]);

/** Texts of grpc-js with a number that is worth knowing. */
const numberedReasons: readonly (readonly [text: RegExp, reason: string])[] = [
  [/Received RST_STREAM with code (\d+)/, 'the stream was reset on the way (HTTP/2 code $1)'],
  [/Received HTTP status code (\d+)/, 'a proxy answered with the HTTP status $1'],
];

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
  if (!isBroken(error)) return inWords(fromServiceError(error), error, address);
  return new UnreachableError(address, reasonOf(error), error);
}

/** Some servers and proxies send a status without a text. An error must not be without words. */
function inWords(known: BerthError, { code }: ServiceError, address: string): BerthError {
  if (known.message.trim() !== '') return known;
  const name = status[code] ?? `the unknown code ${code}`;
  return new BerthError(known.code, `The gateway at ${address} answered ${name} without a reason.`, {
    ...known,
    cause: known.cause,
  });
}

/** Returns the reason of a failure, in words that follow a colon. */
export function reasonOf({ details }: ServiceError): string {
  const known = [...reasons].find(([text]) => details.includes(text));
  if (known !== undefined) return known[1];
  for (const [text, reason] of numberedReasons) {
    const [found] = text.exec(details) ?? [];
    if (found !== undefined) return found.replace(text, reason);
  }
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
  if (resetTexts.get(code)?.test(details)) return true;
  return code === status.UNAVAILABLE && brokenTexts.some((text) => details.includes(text));
}
