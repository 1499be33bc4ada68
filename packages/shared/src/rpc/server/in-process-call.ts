/*
 * Calls a service's own gRPC handlers from within its process, for another transport such as HTTP. The
 * handlers decide deadline, cancellation, identity, statuses and metrics, so each decision has one home.
 */
import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import type { PeerCertificate } from 'node:tls';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { invalidFields } from '../../model/errors/errors.js';
import { MessageBurst } from '../streaming/message-burst.js';
import type { Encoded } from '../streaming/pass-through.js';
import type { GrpcService } from './server.js';

/** The facts of a call that the other transport knows. */
export interface InProcessOptions {
  readonly service: GrpcService;
  /** The method's name in the service's definition, such as `createJob`. */
  readonly method: string;
  readonly request: unknown;
  readonly metadata: Metadata;
  /** The caller's address. */
  readonly peer: string;
  /** The caller's certificate, if it was verified. */
  readonly certificate?: PeerCertificate | undefined;
  /** Milliseconds since the epoch. Infinity if the caller sets none. */
  readonly deadlineMs: number;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

export type Trailers = Readonly<Record<string, string>>;

/** The end of a unary call. */
type UnaryOutcome =
  | { readonly response: unknown; readonly trailers: Trailers }
  | { readonly error: ServiceError; readonly trailers: Trailers };

/**
 * The metadata of these headers.
 * @throws BerthError invalidArgument that names every header that metadata cannot hold.
 */
export function metadataOf(headers: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  const bad: string[] = [];
  for (const [key, value] of Object.entries(headers)) {
    // grpc-js throws on text outside printable ASCII.
    if (/^[\x20-\x7e]*$/.test(value) && /^[0-9a-z_.-]+$/.test(key)) metadata.set(key, value);
    else bad.push(key);
  }
  if (bad.length === 0) return metadata;
  throw invalidFields(
    bad.map((key) => ({ field: `header ${key}`, description: 'must be printable ASCII characters' })),
  );
}

/** Calls a unary method. Never rejects: a failure is an outcome with its status. */
export function callUnary(options: InProcessOptions): Promise<UnaryOutcome> {
  const handler = handlerOf(options) as handleUnaryCall<unknown, unknown>;
  const call = Object.assign(new EventEmitter(), surfaceOf(options));
  const stopListening = cancelWith(options.signal, call);
  return new Promise<UnaryOutcome>((resolve) => {
    // The parts of a call that no handler of Berth uses (the channel's security, load reports) are left
    // out.
    handler(call as unknown as ServerUnaryCall<unknown, unknown>, (error, response, trailers) => {
      if (error) resolve({ error: error as ServiceError, trailers: plain(error.metadata ?? undefined) });
      else resolve({ response, trailers: plain(trailers) });
    });
  }).finally(stopListening);
}

/** Takes the messages of a stream as its handler writes them. Resolves when more may come. */
type MessageSink = (message: unknown) => Promise<void>;

/**
 * Calls a method that streams its answer. Its request is one message, or a stream that begins with that
 * message. Resolves when the stream has ended, with its error if it failed. Never rejects. The handler
 * waits for the sink to take its messages.
 */
export function callStream(options: InProcessOptions, sink: MessageSink): Promise<ServiceError | undefined> {
  const handler = handlerOf(options) as handleServerStreamingCall<unknown, unknown>;
  const stream = Object.assign(new InProcessStream(sink), surfaceOf(options));
  // A method that takes a stream of requests reads them; more than this one does not come.
  if (options.service.definition[options.method]?.requestStream) stream.push(options.request);
  const stopListening = cancelWith(options.signal, stream);
  return new Promise<ServiceError | undefined>((resolve) => {
    stream.on('error', (error) => resolve(error as ServiceError));
    stream.on('finish', () => resolve(undefined));
    handler(stream as unknown as ServerWritableStream<unknown, unknown>);
  }).finally(stopListening);
}

/**
 * Returns each message that a handler has written in one write: an encoded one decoded, any other
 * unchanged.
 */
export function messagesIn(written: unknown, deserialize: (bytes: Buffer) => unknown): readonly unknown[] {
  if (written instanceof MessageBurst) return written.messages().map(deserialize);
  return [Buffer.isBuffer(written) ? deserialize(written) : written];
}

/** True if the same object may be written to other streams too. */
export function isShared(written: unknown): written is Encoded {
  return written instanceof MessageBurst || Buffer.isBuffer(written);
}

class InProcessStream extends Duplex {
  readonly #sink: MessageSink;

  constructor(sink: MessageSink) {
    super({ objectMode: true, autoDestroy: false });
    this.#sink = sink;
  }

  override _write(message: unknown, _encoding: string, done: (error?: Error | null) => void): void {
    this.#sink(message).then(() => done(), done);
  }

  override _read(): void {
    // The one request has been pushed already.
  }

  /** grpc-js passes trailers here. The reader of a stream has no use for them. */
  override end(): this {
    return super.end();
  }
}

function surfaceOf({ service, method, request, metadata, peer, certificate, deadlineMs }: InProcessOptions) {
  const path = service.definition[method]?.path ?? '';
  return {
    request,
    metadata,
    cancelled: false,
    getPath: () => path,
    getPeer: () => peer,
    getDeadline: () => deadlineMs,
    getHost: () => '',
    getAuthContext: () => (certificate === undefined ? {} : { sslPeerCertificate: certificate }),
    sendMetadata: () => {},
  };
}

function handlerOf({ service, method }: InProcessOptions): unknown {
  const handler = service.implementation[method];
  if (handler === undefined) throw new Error(`there is no handler of ${method}`);
  return handler;
}

function cancelWith(signal: AbortSignal, call: EventEmitter & { cancelled: boolean }): () => void {
  const cancel = () => {
    call.cancelled = true;
    call.emit('cancelled', 'cancelled');
  };
  if (signal.aborted) call.cancelled = true;
  else signal.addEventListener('abort', cancel, { once: true });
  return () => signal.removeEventListener('abort', cancel);
}

/** Returns the values that are text. `toHttpError` has read the binary ones already. */
function plain(metadata: Metadata | undefined): Trailers {
  const entries = Object.entries(metadata?.getMap() ?? {});
  return Object.fromEntries(
    entries.flatMap(([key, value]): [string, string][] => (typeof value === 'string' ? [[key, value]] : [])),
  );
}
