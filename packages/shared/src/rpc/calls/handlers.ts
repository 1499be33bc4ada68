/*
 * Between grpc-js and async functions. grpc-js answers nothing when an async handler rejects, tells of cancellation by
 * an event that also follows a normal end, and knows no default deadline; here each call gets one AbortSignal, exactly
 * one end, and a status whatever happens.
 */

import {
  type Deadline,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Registry } from 'prom-client';
import { BerthError } from '../../model/errors/errors.js';
import type { Logger } from '../../process/logger.js';
import { systemRandom } from '../../process/random.js';
import { type Authenticate, believe } from '../access/authenticate.js';
import type { CallerIdentity } from '../access/caller.js';
import { isServiceError, toServiceError } from '../errors/status.js';
import { decoded } from '../errors/undecodable.js';
import { type CallKind, type CountedCall, callMetrics } from './call-metrics.js';
import { type AbortListener, CallScope, ServerShuttingDown } from './call-scope.js';

/** A unary call that has no deadline of its own is answered within this time, if only with DEADLINE_EXCEEDED. */
export const defaultUnaryDeadlineMs = 30_000;

/** What a handler knows of its call, beside the request. */
export interface CallContext {
  readonly caller: CallerIdentity;
  /** By what name logs know the call: the caller's own, or one made up for it. */
  readonly requestId: string;
  readonly metadata: Metadata;
  /** Aborts when the caller has gone, the deadline is over or the server shuts down; the reason can be thrown as it is. */
  readonly signal: AbortSignal;
  /** Calls the listener when {@link signal} aborts, or at once where it has: what a long stream costs less with. */
  onAbort(listener: AbortListener): void;
  offAbort(listener: AbortListener): void;
  /** Sent with the status, be it success or error. A function is asked for the value when the call ends. */
  setTrailer(key: string, value: string | (() => string)): void;
}

export interface CallOptions {
  readonly log: Logger;
  /** Where calls are counted. */
  readonly registry?: Registry;
  /** Aborts when the server is to end: streams end with UNAVAILABLE, unary calls may still answer. */
  readonly shutdown?: AbortSignal;
  /** Says who calls; without it callers are whom they say they are. */
  readonly authenticate?: Authenticate;
  /** Throws if the unary call with this path and request may not be served now. The caller is known by then. */
  readonly admit?: (call: CallContext, path: string, request: unknown) => void;
  /** The longest that a unary call may take; {@link defaultUnaryDeadlineMs} unless given. */
  readonly deadlineMs?: number;
}

/** A handler that answers with what `fn` resolves to, or with the status of what it rejects with. */
export function unary<Req, Res>(
  fn: (request: Req, call: CallContext) => Promise<Res>,
  options: CallOptions,
): handleUnaryCall<Req, Res> {
  return (call, callback) => {
    const limitMs = options.deadlineMs ?? defaultUnaryDeadlineMs;
    const ending = new CallInProgress(call, 'unary', limitMs, options);
    const fail = ending.failWith((error) => callback(error));
    const succeed = (response: Res) => ending.succeed((trailers) => callback(null, response, trailers));
    ending.onAbort((reason) => {
      // A server that shuts down lets the call finish what it has begun; the signal is enough.
      if (!(reason instanceof ServerShuttingDown)) fail(reason);
    });
    if (ending.abortReason !== undefined) return fail(ending.abortReason);
    invoke(() => {
      // Who may not call learns nothing of what is wrong with the request.
      ending.identify();
      const request = decoded(call.request);
      options.admit?.(ending, call.getPath(), request);
      return fn(request, ending);
    })
      .then(succeed)
      .catch(fail);
  };
}

/**
 * A handler for a stream, which ends when `fn` resolves, or with the status of what it rejects with. `fn` must heed
 * the signal and back-pressure; once the signal has aborted the stream has ended, and what is written is lost.
 */
export function serverStream<Req, Res>(
  fn: (request: Req, call: CallContext, stream: ServerWritableStream<Req, Res>) => Promise<void>,
  options: CallOptions,
): handleServerStreamingCall<Req, Res> {
  return (stream) =>
    runStream(stream, 'server_stream', options, (call) => fn(decoded(stream.request), call, stream));
}

/**
 * Like {@link serverStream}, of a call in which both sides keep sending. That the caller sends no more does not end it. Requests
 * are to be taken through `decoded`.
 */
export function duplexStream<Req, Res>(
  fn: (call: CallContext, stream: ServerDuplexStream<Req, Res>) => Promise<void>,
  options: CallOptions,
): handleBidiStreamingCall<Req, Res> {
  return (stream) => runStream(stream, 'bidi_stream', options, (call) => fn(call, stream));
}

function runStream(
  stream: AnyStream,
  kind: CallKind,
  options: CallOptions,
  fn: (call: CallContext) => Promise<void>,
): void {
  const ending = new CallInProgress(stream, kind, Number.POSITIVE_INFINITY, options);
  // grpc-js sends an error event's code and details as the status, after all that was written before.
  const fail = ending.failWith((error) => stream.emit('error', error));
  // It does the same with an error that is not ours, which therefore has to carry the status itself.
  stream.prependListener('error', (foreign: Error) => {
    ending.failWith(({ code, details, metadata }) => Object.assign(foreign, { code, details, metadata }))(
      foreign,
    );
  });
  ending.onAbort(fail);
  if (ending.abortReason !== undefined) return;
  invoke(() => {
    ending.identify();
    return fn(ending);
  })
    .then(() => ending.succeed((trailers) => stream.end(trailers)))
    .catch(fail);
}

/** What is known of the connection that a call comes over. */
type AuthContext = Pick<
  ReturnType<ServerUnaryCall<unknown, unknown>['getAuthContext']>,
  'sslPeerCertificate'
>;

/** What calls of all kinds have. */
interface AnyCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getPath(): string;
  getPeer(): string;
  getDeadline(): Deadline;
  getAuthContext(): AuthContext;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** What calls have in which the server keeps sending. */
interface AnyStream extends AnyCall {
  emit(event: 'error', error: ServiceError): boolean;
  prependListener(event: 'error', listener: (error: Error) => void): unknown;
  end(trailers: Metadata): unknown;
}

/**
 * A call until its end: sees to it that it ends exactly once, is counted once, and leaves nothing behind. Streams live for weeks,
 * by the thousands: what is not asked for is not made, and what may be shared is no closure.
 */
class CallInProgress implements CallContext {
  readonly #call: AnyCall;
  readonly #options: CallOptions;
  readonly #counted: CountedCall;
  readonly #scope: CallScope;
  #caller: CallerIdentity | undefined;
  #requestId: string | undefined;
  #trailers: Trailers | undefined;
  #hasEnded = false;

  constructor(call: AnyCall, kind: CallKind, limitMs: number, options: CallOptions) {
    this.#call = call;
    this.#options = options;
    this.#counted = callMetrics(options.registry).started(call.getPath(), kind);
    this.#scope = new CallScope(call.getDeadline(), limitMs, options.shutdown);
    // Also comes after a normal end, when the scope is closed.
    call.on('cancelled', this.#scope.cancel);
    if (call.cancelled) this.#scope.cancel();
  }

  /** Finds out who calls; throws where nobody may who calls like this. Before it nothing may be done for the caller. */
  identify(): void {
    const { authenticate = believe } = this.#options;
    this.#caller = authenticate({
      metadata: this.#call.metadata,
      peer: this.#call.getPeer(),
      certificate: this.#call.getAuthContext().sslPeerCertificate,
    });
  }

  get caller(): CallerIdentity {
    if (this.#caller === undefined) throw new TypeError('a call is served before it is known who calls');
    return this.#caller;
  }

  get requestId(): string {
    this.#requestId ??= requestIdOf(this.#call.metadata);
    return this.#requestId;
  }

  get metadata(): Metadata {
    return this.#call.metadata;
  }

  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  /** Why the call has ended early; undefined where it has not. */
  get abortReason(): Error | undefined {
    return this.#scope.reason;
  }

  onAbort(listener: AbortListener): void {
    this.#scope.onAbort(listener);
  }

  offAbort(listener: AbortListener): void {
    this.#scope.offAbort(listener);
  }

  setTrailer(key: string, value: string | (() => string)): void {
    this.#trailers ??= {};
    this.#trailers[key] = value;
  }

  succeed(send: (trailers: Metadata) => void): void {
    if (this.#hasEnded) return;
    this.#end(status.OK);
    send(trailersOf(this.#trailers));
  }

  failWith(send: (error: ServiceError) => void): (error: unknown) => void {
    return (error) => {
      const { log } = this.#options;
      if (this.#hasEnded) return logLate(error, this.abortReason, log);
      const { requestId } = this;
      const known = log.child({ call: this.#call.getPath(), requestId });
      const answer = toServiceError(causeOf(error, this.abortReason), known, requestId);
      answer.metadata.merge(trailersOf(this.#trailers));
      this.#end(answer.code);
      send(answer);
    };
  }

  #end(code: status): void {
    this.#hasEnded = true;
    this.#scope.close();
    this.#counted.ended(code);
  }
}

/** The metadata key by which a caller gives its call a name of its own. */
export const requestIdKey = 'berth-request-id';

function requestIdOf(metadata: Metadata): string {
  const given = metadata.get(requestIdKey)[0]?.toString().trim() ?? '';
  return /^[\x21-\x7e]{1,128}$/.test(given) ? given : systemRandom.uuid();
}

type Trailers = Record<string, string | (() => string)>;

function trailersOf(values: Trailers = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values))
    metadata.set(key, typeof value === 'string' ? value : value());
  return metadata;
}

/** What waited for the signal rejects with its reason, or with an AbortError in which the reason is lost. */
function causeOf(error: unknown, abortReason: Error | undefined): unknown {
  const isAbort = error instanceof Error && error.name === 'AbortError';
  return abortReason !== undefined && isAbort ? abortReason : error;
}

/** The caller has its status; what goes wrong afterwards must not go unseen. */
function logLate(error: unknown, abortReason: Error | undefined, log: Logger): void {
  const isExpected =
    (abortReason !== undefined && causeOf(error, abortReason) === abortReason) ||
    error instanceof BerthError ||
    isServiceError(error);
  if (!isExpected) log.warn({ err: error }, 'a call failed after it had ended');
}

/** Turns what `fn` throws at once into a rejection. An async function would keep a second promise for as long as the first. */
function invoke<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return fn();
  } catch (error) {
    return Promise.reject(error);
  }
}
