import { type Backoff, backoff } from '@berth/shared/process/backoff';
import type { ClientReadableStream, Metadata, MethodDefinition, ServiceError } from '@grpc/grpc-js';
import { Observable, type Subscriber } from 'rxjs';
import type { Channel } from './channel.js';
import { toBerthError } from './failure.js';
import type { GatewayEndpoint } from './gateways.js';
import { type ObserveOptions, reconnectDelays } from './options.js';

/** A call with a stream of answers. */
export interface StreamCall<Req, Res> {
  readonly definition: MethodDefinition<Req, Res>;
  /** Called before each opening, so that a new stream can begin at the end of the last one. */
  readonly request: () => Req;
  /**
   * For calls with a stream of requests: receives the function that sends further requests, and undefined
   * when the stream has ended.
   */
  readonly onSender?: (send: ((request: Req) => void) | undefined) => void;
}

/**
 * Returns the stream as an Observable. Each subscription is a call of its own, and the end of the
 * subscription cancels it. Errors are BerthErrors. With `reconnect`, a lost gateway is no error: the next
 * gateway is called. The stream completes when the channel is closed.
 */
export function observe<Req, Res>(
  channel: Channel,
  call: StreamCall<Req, Res>,
  options: ObserveOptions = {},
): Observable<Res> {
  return new Observable((subscriber) => {
    const session = new Session(channel, call, options, subscriber);
    const forget = channel.opened(() => subscriber.complete());
    session.open();
    return () => {
      forget();
      session.close();
    };
  });
}

/** Opens the call. A call with a stream of requests sends the first one at once. */
function openCall<Req, Res>(
  { client }: GatewayEndpoint,
  { definition, request, onSender }: StreamCall<Req, Res>,
  metadata: Metadata,
): Readable<Res> {
  const { path, requestStream, requestSerialize, responseDeserialize } = definition;
  if (!requestStream)
    return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request(), metadata);
  const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
  call.write(request());
  onSender?.((more) => call.write(more));
  return call;
}

type Readable<Res> = Pick<ClientReadableStream<Res>, 'cancel' | 'on'>;

/** One subscription: a call, and its successors after the loss of a gateway. */
class Session<Req, Res> {
  readonly #channel: Channel;
  readonly #call: StreamCall<Req, Res>;
  readonly #options: ObserveOptions;
  readonly #subscriber: Subscriber<Res>;
  readonly #delays: Backoff;
  #stream: Readable<Res> | undefined;
  readonly #closing = new AbortController();
  #hasReceived = false;

  constructor(
    channel: Channel,
    call: StreamCall<Req, Res>,
    options: ObserveOptions,
    subscriber: Subscriber<Res>,
  ) {
    this.#channel = channel;
    this.#delays = backoff(reconnectDelays, channel.random);
    this.#call = call;
    this.#options = options;
    this.#subscriber = subscriber;
  }

  open(): void {
    const gateway = this.#channel.gateways.current();
    const stream = openCall(gateway, this.#call, this.#channel.metadata());
    this.#stream = stream;
    stream.on('data', (message: Res) => {
      this.#hasReceived = true;
      this.#delays.reset();
      this.#subscriber.next(message);
    });
    let failure: ServiceError | undefined;
    // grpc-js reports an error before it delivers all received messages; 'end' comes after both.
    stream.on('error', (error: ServiceError) => {
      failure = error;
    });
    stream.on('end', () => this.#ended(gateway, failure));
  }

  close(): void {
    this.#closing.abort();
    this.#call.onSender?.(undefined);
    this.#stream?.cancel();
  }

  #ended(gateway: GatewayEndpoint, failure: ServiceError | undefined): void {
    this.#call.onSender?.(undefined);
    if (this.#subscriber.closed) return;
    if (failure === undefined) return this.#subscriber.complete();
    this.#channel.failed(gateway, failure);
    const error = toBerthError(failure, gateway.address);
    const isPassing = error.code === 'unavailable' || error.code === 'deadlineExceeded';
    if (!isPassing || !this.#mayReconnect()) return this.#subscriber.error(error);
    const delayMs = this.#delays.nextMs();
    this.#channel.logReconnect(error, delayMs);
    this.#options.onReconnect?.(error);
    void this.#reopenAfter(delayMs);
  }

  #mayReconnect(): boolean {
    const { reconnect = false } = this.#options;
    return reconnect === 'onceConnected' ? this.#hasReceived : reconnect;
  }

  async #reopenAfter(delayMs: number): Promise<void> {
    const { signal } = this.#closing;
    await this.#channel.clock.sleep(delayMs, signal);
    if (signal.aborted) return;
    try {
      this.open();
    } catch (error) {
      this.#subscriber.error(error);
    }
  }
}
