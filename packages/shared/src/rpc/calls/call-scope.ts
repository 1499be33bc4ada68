import { setMaxListeners } from 'node:events';
import type { Deadline } from '@grpc/grpc-js';
import { BerthError } from '../../model/errors/errors.js';
import { type CancelTimer, startTimer, systemClock } from '../../process/clock.js';
import { CallCancelled } from '../errors/status.js';

/** A deadline that is further off ends no call: the call gets no timer. */
const longestDeadlineMs = 2 ** 31 - 1;

/**
 * grpc-js has a timer of its own for the caller's deadline, which tells of it as of a cancellation. A timer counts from the
 * beginning of the event loop's turn that sets it, so that it fires this much before the clock says so, after a long turn.
 */
const earlyTimerMs = 25;

/** Told why a call has ended early. */
export type AbortListener = (reason: Error) => void;

/**
 * What ends a call early: the caller's deadline or `limitMs` from now, whichever comes first, or the server's shutdown. A signal
 * is made for those only who ask for it: of each, Node keeps more than a kilobyte.
 */
export class CallScope {
  readonly #endsAtMs: number;
  readonly #cancelTimer: CancelTimer | undefined;
  readonly #others: Set<CallScope> | undefined;
  #listeners: readonly AbortListener[] = noListeners;
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #isClosed = false;

  constructor(deadline: Deadline, limitMs: number, shutdown: AbortSignal | undefined) {
    this.#endsAtMs = Math.min(Number(deadline), systemClock.nowMs() + limitMs);
    this.#cancelTimer = startDeadline(this.#endsAtMs - systemClock.nowMs(), this);
    this.#others = shutdown === undefined ? undefined : joinCalls(shutdown, this);
  }

  /** The caller's cancellation, the deadline or the server's shutdown; undefined where the call has not ended early. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  /** Aborts when the call ends early. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** Calls the listener when the call ends early; at once where it has. */
  onAbort(listener: AbortListener): void {
    if (this.#reason === undefined) this.#listeners = [...this.#listeners, listener];
    else listener(this.#reason);
  }

  offAbort(listener: AbortListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /** The caller has gone, or its deadline has, which looks the same. No-op once closed. */
  readonly cancel = (): void => {
    if (this.#isClosed) return;
    const isOver = systemClock.nowMs() >= this.#endsAtMs - earlyTimerMs;
    this.abort(isOver ? deadlineOver() : new CallCancelled());
  };

  /** Ends the call early, unless it has been already. */
  abort(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    const listeners = this.#listeners;
    this.#listeners = noListeners;
    this.#controller?.abort(reason);
    for (const listener of listeners) listener(reason);
  }

  /** Releases the timer and the tie to the server's shutdown. Safe to call again. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    this.#others?.delete(this);
  }
}

const noListeners: readonly AbortListener[] = [];

function startDeadline(ms: number, scope: CallScope): CancelTimer | undefined {
  if (ms > longestDeadlineMs) return undefined;
  return startTimer(systemClock, Math.max(0, ms), () => scope.abort(deadlineOver()));
}

const openCalls = new WeakMap<AbortSignal, Set<CallScope>>();

/**
 * Ends the call when the server shuts down. One listener serves all calls: a listener each would make every call
 * cost as much as there are open streams. Returns the calls that it is one of.
 */
function joinCalls(shutdown: AbortSignal, scope: CallScope): Set<CallScope> | undefined {
  if (shutdown.aborted) {
    scope.abort(shuttingDown());
    return undefined;
  }
  const calls = openCalls.get(shutdown) ?? listen(shutdown);
  calls.add(scope);
  return calls;
}

function listen(shutdown: AbortSignal): Set<CallScope> {
  const calls = new Set<CallScope>();
  openCalls.set(shutdown, calls);
  setMaxListeners(0, shutdown);
  shutdown.addEventListener('abort', () => {
    for (const scope of [...calls]) scope.abort(shuttingDown());
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
