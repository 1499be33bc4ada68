/*
 * Connects grpc-js with async functions. grpc-js sends no answer when an async handler rejects. It reports
 * a cancellation by an event that also follows a normal end. It has no default deadline. Here each call has
 * one AbortSignal, exactly one end, and always a status.
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

/**
 * The deadline of a unary call that has none of its own. At the latest it is answered then, with
 * DEADLINE_EXCEEDED.
 */
const defaultUnaryDeadlineMs = 30_000;

/** The facts of a call that a handler gets beside the request. */
export interface CallContext {
  readonly caller: CallerIdentity;
  /** The name of the call in logs: the caller's own, or a generated one. */
  readonly requestId: string;
  readonly metadata: Metadata;
  /**
   * Aborts when the caller has gone, the deadline has passed or the server shuts down. Its reason can be
   * thrown unchanged.
   */
  readonly signal: AbortSignal;
  /**
   * Calls the listener when {@link signal} aborts, or at once if it has aborted. A long stream uses less
   * memory with it than with the signal.
   */
  onAbort(listener: AbortListener): void;
  offAbort(listener: AbortListener): void;
  /** Sent with the status, be it success or error. A function is asked for the value when the call ends. */
  setTrailer(key: string, value: string | (() => string)): void;
}

export interface CallOptions {
  readonly log: Logger;
  /** The registry of the metrics that count the calls. */
  readonly registry?: Registry;
  /** Aborts when the server is to end: streams end with UNAVAILABLE, unary calls may still answer. */
  readonly shutdown?: AbortSignal;
  /** Finds the identity of the caller. Without it the caller's own claims count. */
  readonly authenticate?: Authenticate;
  /**
   * Throws if the unary call with this path and request may not be served now. It runs after the caller is
   * identified.
   */
  readonly admit?: (call: CallContext, path: string, request: unknown) => void;
  /** The longest that a unary call may take; {@link defaultUnaryDeadlineMs} unless given. */
  readonly deadlineMs?: number;
}

/** Returns a handler that answers with the result of `fn`, or with the status of its error. */
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
      // A server that shuts down lets the call finish its work. The signal is enough.
      if (!(reason instanceof ServerShuttingDown)) fail(reason);
    });
    if (ending.abortReason !== undefined) return fail(ending.abortReason);
    invoke(() => {
      // The caller is identified first: a caller without access must not learn the faults of its request.
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
 * Returns a handler for a stream. The stream ends when `fn` resolves, or with the status of its error. `fn`
 * must obey the signal and back-pressure. Once the signal has aborted, the stream has ended and further
 * messages are lost.
 */
export function serverStream<Req, Res>(
  fn: (request: Req, call: CallContext, stream: ServerWritableStream<Req, Res>) => Promise<void>,
  options: CallOptions,
): handleServerStreamingCall<Req, Res> {
  return (stream) =>
    runStream(stream, 'server_stream', options, (call) => fn(decoded(stream.request), call, stream));
}

/**
 * Like {@link serverStream}, for a call in which both sides keep sending. It does not end when the caller
 * stops sending. The handler must take requests through `decoded`.
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
  // It does the same with an error of another library. That error therefore has to carry the status itself.
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

/** The facts of the connection that carries a call. */
type AuthContext = Pick<
  ReturnType<ServerUnaryCall<unknown, unknown>['getAuthContext']>,
  'sslPeerCertificate'
>;

/** The members that calls of all kinds have. */
interface AnyCall {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getPath(): string;
  getPeer(): string;
  getDeadline(): Deadline;
  getAuthContext(): AuthContext;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** The members of a call in which the server keeps sending. */
interface AnyStream extends AnyCall {
  emit(event: 'error', error: ServiceError): boolean;
  prependListener(event: 'error', listener: (error: Error) => void): unknown;
  end(trailers: Metadata): unknown;
}

/**
 * A call until its end. Makes sure that it ends exactly once, is counted once, and leaves nothing behind.
 * Thousands of streams stay open for weeks: therefore members are created on demand and shared instead of
 * bound in closures.
 */
class CallInProgress implements CallContext {
  readonly #call: AnyCall;
  readonly #options: CallOptions;
  readonly #counted: CountedCall;
  readonly #scope: CallScope;
  #caller: CallerIdentity | undefined;
  #requestId: string | undefined;
  #trailers: TrailerValues | undefined;
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

  /** Identifies the caller. Throws if it may not call. Nothing may be done for the caller before that. */
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

  /** The cause of the call's early end. Undefined if it has not ended early. */
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

/** The metadata key for the name that a caller gives to its call. */
const requestIdKey = 'berth-request-id';

function requestIdOf(metadata: Metadata): string {
  const given = metadata.get(requestIdKey)[0]?.toString().trim() ?? '';
  return /^[\x21-\x7e]{1,128}$/.test(given) ? given : systemRandom.uuid();
}

type TrailerValues = Record<string, string | (() => string)>;

function trailersOf(values: TrailerValues = {}): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values))
    metadata.set(key, typeof value === 'string' ? value : value());
  return metadata;
}

/**
 * Returns the reason of the abort if the error follows from it. Some APIs reject with that reason, others
 * with an AbortError that does not contain it.
 */
function causeOf(error: unknown, abortReason: Error | undefined): unknown {
  const isAbort = error instanceof Error && error.name === 'AbortError';
  return abortReason !== undefined && isAbort ? abortReason : error;
}

/** Logs an error that comes after the caller has got its status. */
function logLate(error: unknown, abortReason: Error | undefined, log: Logger): void {
  const isExpected =
    (abortReason !== undefined && causeOf(error, abortReason) === abortReason) ||
    error instanceof BerthError ||
    isServiceError(error);
  if (!isExpected) log.warn({ err: error }, 'a call failed after it had ended');
}

/**
 * Turns an error that `fn` throws synchronously into a rejection. An async function would keep a second
 * promise for the whole call.
 */
function invoke<T>(fn: () => Promise<T>): Promise<T> {
  try {
    return fn();
  } catch (error) {
    return Promise.reject(error);
  }
}
