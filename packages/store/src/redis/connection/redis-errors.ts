import { BerthError } from '@berth/shared/model/errors/errors';

/** The connection was lost before the reply: nobody knows if the command was carried out. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Replies of a Redis that starts, fails over or is busy: the command was not carried out. */
const passing = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|UNBLOCKED) /;
/** Replies of a Redis that takes no writes until an operator has acted. */
const unable = /^(OOM|MISCONF|NOREPLICAS) /;
const forbidden = /^(NOAUTH|WRONGPASS|NOPERM) /;

/** True if the same command may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof ConnectionLost || isNotWritable(error) || (isReply(error) && passing.test(error.message))
  );
}

/** True for the client's error between the end of a connection and its event. Nothing was sent. */
function isNotWritable(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Stream isn't writeable");
}

/** True if the server of this connection is no longer the primary, so another connection is needed. */
export function isStaleConnection(error: unknown): boolean {
  return isReply(error) && /^READONLY /.test(error.message);
}

/** True if Redis refuses access. */
export function isForbidden(error: unknown): boolean {
  return isReply(error) && forbidden.test(error.message);
}

/** Returns the error for the caller. */
export function redisError(error: unknown, address: string): BerthError {
  if (error instanceof BerthError) return error;
  if (error instanceof ConnectionLost) return outcomeUnknown(address, error);
  if (isNotWritable(error)) return unanswered(address, error);
  if (!isReply(error))
    return new BerthError('internal', `A command for Redis at ${address} failed.`, { cause: error });
  const sentence = `Redis at ${address} refuses: ${error.message}`;
  if (isForbidden(error)) return new BerthError('failedPrecondition', sentence, { cause: error });
  const code = isPassing(error) || unable.test(error.message) ? 'unavailable' : 'internal';
  return new BerthError(code, sentence, { cause: error });
}

/** Returns the error for a command that was not sent. */
export function unanswered(address: string, cause?: unknown): BerthError {
  return new BerthError('unavailable', `Redis at ${address} does not answer; try again later.`, { cause });
}

function outcomeUnknown(address: string, cause: unknown): BerthError {
  const sentence = `Redis at ${address} does not answer; the outcome of the command is unknown.`;
  return new BerthError('unavailable', sentence, { cause });
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
