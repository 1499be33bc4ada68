/*
 * Between grpc-js and async functions. grpc-js answers nothing when an async handler rejects, tells of cancellation by
 * an event that also follows a normal end, and knows no default deadline; here each call gets one AbortSignal, exactly
 * one end, and a status whatever happens.
 */

import { randomUUID } from 'node:crypto';
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
import { BerthError } from '../model/errors.js';
import type { Logger } from '../process/logger.js';
import { type Authenticate, believe } from './authenticate.js';
import { type CallKind, callMetrics } from './call-metrics.js';
import { openScope, ServerShuttingDown } from './call-scope.js';
import type { CallerIdentity } from './caller.js';
import { isServiceError, toServiceError } from './status.js';
import { Undecodable } from './undecodable.js';

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
    const ending = begin(call, 'unary', limitMs, options);
    const fail = ending.failWith((error) => callback(error));
    const succeed = (response: Res) => ending.succeed((trailers) => callback(null, response, trailers));
    ending.onAbort((reason) => {
      // A server that shuts down lets the call finish what it has begun; the signal is enough.
      if (!(reason instanceof ServerShuttingDown)) fail(reason);
    });
    if (ending.signal.aborted) return fail(ending.signal.reason);
    invoke(() => {
      // Who may not call learns nothing of what is wrong with the request.
      const context = ending.context();
      return fn(decoded(call.request), context);
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

/** Like {@link serverStream}, of a call in which both sides keep sending. That the caller sends no more does not end it. */
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
  const ending = begin(stream, kind, Number.POSITIVE_INFINITY, options);
  // grpc-js sends an error event's code and details as the status, after all that was written before.
  const fail = ending.failWith((error) => stream.emit('error', error));
  // It does the same with an error that is not ours, which therefore has to carry the status itself.
  stream.prependListener('error', (foreign: Error) => {
    ending.failWith(({ code, details, metadata }) => Object.assign(foreign, { code, details, metadata }))(
      foreign,
    );
  });
  ending.onAbort(fail);
  if (ending.signal.aborted) return fail(ending.signal.reason);
  invoke(() => fn(ending.context()))
    .then(() => ending.succeed((trailers) => stream.end(trailers)))
    .catch(fail);
}

/** The request, or the error of one that could not be decoded. */
function decoded<Req>(request: Req): Req {
  if (request instanceof Undecodable) throw request.toError();
  return request;
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

/** Sees to it that a call ends exactly once, is counted once, and leaves nothing behind. */
interface Ending {
  readonly succeed: (send: (trailers: Metadata) => void) => void;
  readonly failWith: (send: (error: ServiceError) => void) => (error: unknown) => void;
  readonly onAbort: (listener: (reason: unknown) => void) => void;
  readonly signal: AbortSignal;
  readonly context: () => CallContext;
}

function begin(call: AnyCall, kind: CallKind, limitMs: number, options: CallOptions): Ending {
  const { authenticate = believe } = options;
  const requestId = requestIdOf(call.metadata);
  const counted = callMetrics(options.registry).started(call.getPath(), kind);
  const scope = openScope(call.getDeadline(), limitMs, options.shutdown);
  const trailers = new Map<string, string | (() => string)>();
  let hasEnded = false;
  const end = (code: status) => {
    hasEnded = true;
    scope.close();
    counted.ended(code);
  };
  // Also comes after a normal end, when the scope is closed.
  call.on('cancelled', scope.cancel);
  if (call.cancelled) scope.cancel();
  return {
    succeed: (send) => {
      if (hasEnded) return;
      end(status.OK);
      send(trailersOf(trailers));
    },
    failWith: (send) => (error) => {
      if (hasEnded) return logLate(error, scope.signal, options.log);
      const answer = toServiceError(
        causeOf(error, scope.signal),
        options.log.child({ call: call.getPath(), requestId }),
        requestId,
      );
      answer.metadata.merge(trailersOf(trailers));
      end(answer.code);
      send(answer);
    },
    onAbort: (listener) =>
      scope.signal.addEventListener('abort', () => listener(scope.signal.reason), { once: true }),
    signal: scope.signal,
    context: () => ({
      caller: authenticate({
        metadata: call.metadata,
        peer: call.getPeer(),
        certificate: call.getAuthContext().sslPeerCertificate,
      }),
      requestId,
      metadata: call.metadata,
      signal: scope.signal,
      setTrailer: (key, value) => void trailers.set(key, value),
    }),
  };
}

/** The metadata key by which a caller gives its call a name of its own. */
export const requestIdKey = 'berth-request-id';

function requestIdOf(metadata: Metadata): string {
  const given = metadata.get(requestIdKey)[0]?.toString().trim() ?? '';
  return /^[\x21-\x7e]{1,128}$/.test(given) ? given : randomUUID();
}

function trailersOf(values: ReadonlyMap<string, string | (() => string)>): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of values) metadata.set(key, typeof value === 'string' ? value : value());
  return metadata;
}

/** What waited for the signal rejects with its reason, or with an AbortError in which the reason is lost. */
function causeOf(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && error instanceof Error && error.name === 'AbortError' ? signal.reason : error;
}

/** The caller has its status; what goes wrong afterwards must not go unseen. */
function logLate(error: unknown, signal: AbortSignal, log: Logger): void {
  const isExpected =
    causeOf(error, signal) === signal.reason || error instanceof BerthError || isServiceError(error);
  if (!isExpected) log.warn({ err: error }, 'a call failed after it had ended');
}

/** Turns what `fn` throws at once into a rejection. */
async function invoke<T>(fn: () => Promise<T>): Promise<T> {
  return fn();
}
