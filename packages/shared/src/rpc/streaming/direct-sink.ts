/*
 * Problem: grpc-js copies each message into a frame for each subscriber.
 * Figure: to ten subscribers a gateway delivers 648,000 events a second (berth.v1), 12.3 times the rate of
 * a server that encodes and writes each change for each subscriber. The share of this file alone was not
 * recorded.
 * Benchmark: `npm run bench -- observe --only fanout`.
 * Off: `BERTH_API_TUNING=off` uses plain-sink.ts.
 */
import type { ServerHttp2Stream } from 'node:http2';
import { MessageBurst } from './message-burst.js';
import type { Encoded } from './pass-through.js';

/** The target of encoded messages. */
export interface EncodedSink {
  /**
   * Returns false if the writer should wait for `drain`. Calls `onFlushed` once the bytes have left the
   * process, or never will.
   */
  write(message: Encoded, onFlushed?: (error?: Error | null) => void): boolean;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** The part of grpc-js's inner call that the sink uses. */
interface InnerCall {
  readonly stream: Pick<ServerHttp2Stream, 'write' | 'writableEnded'>;
  checkCancelled(): boolean;
  maybeSendMetadata(): void;
}

/**
 * Bypasses grpc-js's own framing, because it copies each message for each subscriber. It writes frames
 * that many streams share to the HTTP/2 stream without a copy. grpc-js still sends headers, status and
 * trailers. If the version of grpc-js is unknown, the sink uses `stream` unchanged.
 *
 * Such a sink never reports that it is full: the writer must bound the bytes that are not flushed yet.
 */
export function directSink(stream: EncodedSink): EncodedSink {
  const inner = innerCall(stream);
  if (inner === undefined) return stream;
  return new DirectSink(inner);
}

class DirectSink implements EncodedSink {
  readonly #inner: InnerCall;

  constructor(inner: InnerCall) {
    this.#inner = inner;
  }

  write(message: Encoded, onFlushed?: (error?: Error | null) => void): boolean {
    const inner = this.#inner;
    // Like grpc-js: a message to a call that has gone is dropped without an error.
    if (inner.checkCancelled() || inner.stream.writableEnded) return true;
    inner.maybeSendMetadata();
    const { frames } = message instanceof MessageBurst ? message : MessageBurst.of([message]);
    inner.stream.write(frames, onFlushed);
    return true;
  }

  on(): void {}

  off(): void {}
}

function innerCall(stream: object): InnerCall | undefined {
  const call: unknown = Reflect.get(stream, 'call');
  if (typeof call !== 'object' || call === null) return undefined;
  const { stream: http2, checkCancelled, maybeSendMetadata, sendStatus } = call as Record<string, unknown>;
  const isKnown =
    typeof checkCancelled === 'function' &&
    typeof maybeSendMetadata === 'function' &&
    typeof sendStatus === 'function' &&
    typeof http2 === 'object' &&
    http2 !== null &&
    'sendTrailers' in http2;
  return isKnown ? (call as InnerCall) : undefined;
}
