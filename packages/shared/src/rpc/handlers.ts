/*
 * Between grpc-js and async functions. grpc-js answers nothing when an async handler rejects, tells of cancellation by
 * an event that also follows a normal end, and knows no default deadline; here each call gets one AbortSignal, exactly
 * one end, and a status whatever happens.
 */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Registry } from 'prom-client';
import { BerthError } from '../model/errors.js';
import type { Logger } from '../process/logger.js';
import { type CallKind, callMetrics } from './call-metrics.js';
import { openScope, ServerShuttingDown } from './call-scope.js';
import { type CallerIdentity, callerOf } from './caller.js';
import { isServiceError, toServiceError } from './status.js';

/** A unary call that has no deadline of its own is answered within this time, if only with DEADLINE_EXCEEDED. */
export const defaultUnaryDeadlineMs = 30_000;

/** What a handler knows of its call, beside the request. */
export interface CallContext {
  readonly caller: CallerIdentity;
  readonly metadata: Metadata;
  /** Aborts when the caller has gone, the deadline is over or the server shuts down; the reason can be thrown as it is. */
  readonly signal: AbortSignal;
  /** Sent with the status, be it success or error. */
  setTrailer(key: string, value: string): void;
}

export interface CallOptions {
  readonly log: Logger;
  /** Where calls are counted. */
  readonly registry?: Registry;
  /** Aborts when the server is to end: streams end with UNAVAILABLE, unary calls may still answer. */
  readonly shutdown?: AbortSignal;
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
    invoke(() => fn(call.request, ending.context()))
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
  return (stream) => {
    const ending = begin(stream, 'server_stream', Number.POSITIVE_INFINITY, options);
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
    invoke(() => fn(stream.request, ending.context(), stream))
      .then(() => ending.succeed((trailers) => stream.end(trailers)))
      .catch(fail);
  };
}

type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

/** Sees to it that a call ends exactly once, is counted once, and leaves nothing behind. */
interface Ending {
  readonly succeed: (send: (trailers: Metadata) => void) => void;
  readonly failWith: (send: (error: ServiceError) => void) => (error: unknown) => void;
  readonly onAbort: (listener: (reason: unknown) => void) => void;
  readonly signal: AbortSignal;
  readonly context: () => CallContext;
}

function begin<Call extends AnyCall>(
  call: Call,
  kind: CallKind,
  limitMs: number,
  options: CallOptions,
): Ending {
  const counted = callMetrics(options.registry).started(call.getPath(), kind);
  const scope = openScope(call.getDeadline(), limitMs, options.shutdown);
  const trailers = new Metadata();
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
      send(trailers);
    },
    failWith: (send) => (error) => {
      if (hasEnded) return logLate(error, scope.signal, options.log);
      const answer = toServiceError(
        causeOf(error, scope.signal),
        options.log.child({ call: call.getPath() }),
      );
      answer.metadata.merge(trailers);
      end(answer.code);
      send(answer);
    },
    onAbort: (listener) =>
      scope.signal.addEventListener('abort', () => listener(scope.signal.reason), { once: true }),
    signal: scope.signal,
    context: () => ({
      caller: callerOf(call.metadata, call.getPeer()),
      metadata: call.metadata,
      signal: scope.signal,
      setTrailer: (key, value) => trailers.set(key, value),
    }),
  };
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
