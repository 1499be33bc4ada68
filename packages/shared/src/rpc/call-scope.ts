import { setMaxListeners } from 'node:events';
import type { Deadline } from '@grpc/grpc-js';
import { BerthError } from '../model/errors.js';
import { CallCancelled } from './status.js';

/** setTimeout cannot wait longer than this; a deadline further off is none. */
const maxTimerMs = 2 ** 31 - 1;

/**
 * grpc-js has a timer of its own for the caller's deadline, which tells of it as of a cancellation. A timer counts from the
 * beginning of the event loop's turn that sets it, so that it fires this much before the clock says so, after a long turn.
 */
const earlyTimerMs = 25;

/** What ends a call early. */
export interface CallScope {
  /** Aborts on the caller's cancellation, the deadline or the server's shutdown; its reason says which. */
  readonly signal: AbortSignal;
  /** The caller has gone, or its deadline has, which looks the same. No-op once closed. */
  cancel(): void;
  /** Releases the timer and the tie to the server's shutdown. Safe to call again. */
  close(): void;
}

/** A scope that also ends `limitMs` from now, if that is before the caller's deadline. */
export function openScope(deadline: Deadline, limitMs: number, shutdown: AbortSignal | undefined): CallScope {
  const controller = new AbortController();
  const abort = (reason: Error) => controller.abort(reason);
  const endsAtMs = Math.min(Number(deadline), Date.now() + limitMs);
  const timer = startTimer(endsAtMs - Date.now(), abort);
  const leave = shutdown === undefined ? () => {} : joinCalls(shutdown, abort);
  let isClosed = false;
  return {
    signal: controller.signal,
    cancel: () => {
      if (!isClosed) abort(Date.now() >= endsAtMs - earlyTimerMs ? deadlineOver() : new CallCancelled());
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      leave();
    },
  };
}

function startTimer(ms: number, abort: Abort): NodeJS.Timeout | undefined {
  return ms > maxTimerMs ? undefined : setTimeout(() => abort(deadlineOver()), Math.max(0, ms));
}

type Abort = (reason: Error) => void;
const openCalls = new WeakMap<AbortSignal, Set<Abort>>();

/**
 * Ends the call when the server shuts down. One listener serves all calls: a listener each would make every call
 * cost as much as there are open streams.
 */
function joinCalls(shutdown: AbortSignal, abort: Abort): () => void {
  if (shutdown.aborted) {
    abort(shuttingDown());
    return () => {};
  }
  const calls = openCalls.get(shutdown) ?? listen(shutdown);
  calls.add(abort);
  return () => calls.delete(abort);
}

function listen(shutdown: AbortSignal): Set<Abort> {
  const calls = new Set<Abort>();
  openCalls.set(shutdown, calls);
  setMaxListeners(0, shutdown);
  shutdown.addEventListener('abort', () => {
    for (const abort of [...calls]) abort(shuttingDown());
  });
  return calls;
}

function deadlineOver(): BerthError {
  return new BerthError('deadlineExceeded', 'The call was not done by its deadline.');
}

function shuttingDown(): ServerShuttingDown {
  return new ServerShuttingDown('unavailable', 'The server is shutting down; another one can take the call.');
}

/** The reason of calls that end with the server. */
export class ServerShuttingDown extends BerthError {}
