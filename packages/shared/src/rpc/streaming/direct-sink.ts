import type { ServerHttp2Stream } from 'node:http2';
import { MessageBurst } from './message-burst.js';
import type { Encoded } from './pass-through.js';

/** Where encoded messages are written to. */
export interface EncodedSink {
  /** False when nothing more should be written until `drain`. `onFlushed` is called once the bytes have left the process, or will not. */
  write(message: Encoded, onFlushed?: (error?: Error | null) => void): boolean;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** What grpc-js keeps of a call, as far as is needed here. */
interface InnerCall {
  readonly stream: Pick<ServerHttp2Stream, 'write' | 'writableEnded'>;
  checkCancelled(): boolean;
  maybeSendMetadata(): void;
}

/**
 * A way past grpc-js's own framing, which copies each message for each subscriber: frames that many streams share are written
 * to the HTTP/2 stream as they are. Headers, status and trailers stay with grpc-js. Where `stream` is not of a version of
 * grpc-js that this knows, it is used as it is.
 *
 * Such a sink never says that it is full: who writes to it must bound what has not been flushed yet.
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
    // As grpc-js does: what is written to a call that has gone is lost, and nobody hears of it.
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
