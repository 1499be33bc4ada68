import { BerthError } from '@berth/shared/model/errors/errors';

/** The connection was lost with the reply: whether the command was carried out is unknown. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
}

/** Replies of a Redis that is starting, failing over or busy: the command was not carried out. */
const passing = /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|UNBLOCKED) /;
/** Replies of a Redis that cannot take writes until somebody has helped it. */
const unable = /^(OOM|MISCONF|NOREPLICAS) /;
const forbidden = /^(NOAUTH|WRONGPASS|NOPERM) /;

/** Whether the same command may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof ConnectionLost || isNotWritable(error) || (isReply(error) && passing.test(error.message))
  );
}

/** What the client says between the end of a connection and the news of it; nothing was sent. */
function isNotWritable(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("Stream isn't writeable");
}

/** Whether another connection is needed: this one leads to a server that is no longer the primary. */
export function isStaleConnection(error: unknown): boolean {
  return isReply(error) && /^READONLY /.test(error.message);
}

/** Whether Redis does not let us in. */
export function isForbidden(error: unknown): boolean {
  return isReply(error) && forbidden.test(error.message);
}

/** What a caller is told. */
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

/** Nothing was sent to Redis. */
export function unanswered(address: string, cause?: unknown): BerthError {
  return new BerthError('unavailable', `Redis at ${address} does not answer; try again later.`, { cause });
}

function outcomeUnknown(address: string, cause: unknown): BerthError {
  const sentence = `Redis at ${address} does not answer; what was asked of it may have happened or not.`;
  return new BerthError('unavailable', sentence, { cause });
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
