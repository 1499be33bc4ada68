import { setMaxListeners } from 'node:events';
import type { Deadline } from '@grpc/grpc-js';
import { BerthError } from '../../model/errors/errors.js';
import { type CancelTimer, startTimer, systemClock } from '../../process/clock.js';
import { CallCancelled } from '../errors/status.js';

/** A deadline that is further off ends no call: the call gets no timer. */
const longestDeadlineMs = 2 ** 31 - 1;

/**
 * grpc-js sets its own timer for the caller's deadline and reports its end as a cancellation. Node counts a
 * timer from the beginning of the event loop's turn that sets it. After a long turn the timer therefore
 * ends up to this much before the deadline.
 */
const earlyTimerMs = 25;

/** Told why a call has ended early. */
export type AbortListener = (reason: Error) => void;

/**
 * Ends a call early: at the caller's deadline, after `limitMs`, or when the server shuts down; the first
 * one counts. An AbortSignal is created only on demand, since Node keeps more than a kilobyte for each.
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

  /**
   * The cause of the early end: the caller's cancellation, the deadline or the server's shutdown. Undefined
   * if the call has not ended early.
   */
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

  /** Calls the listener when the call ends early. Calls it at once if that has happened already. */
  onAbort(listener: AbortListener): void {
    if (this.#reason === undefined) this.#listeners = [...this.#listeners, listener];
    else listener(this.#reason);
  }

  offAbort(listener: AbortListener): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  /**
   * Ends the call because the caller has gone or its deadline has passed (both look the same). Does nothing
   * once closed.
   */
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
 * Ends the call when the server shuts down. One listener serves all calls: with a listener for each, the
 * cost of a call would grow with the number of open streams. Returns the set of calls that now contains
 * this one.
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
