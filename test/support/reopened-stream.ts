import { Client, type ClientReadableStream, credentials, status } from '@grpc/grpc-js';

/** Who believes only what one stream may tell, and throws where it is told anything else. */
export interface StreamModel {
  receive(bytes: Buffer): void;
}

export interface ReopenedStreamOptions<M extends StreamModel> {
  readonly addresses: readonly string[];
  readonly path: string;
  /** The encoded request. */
  readonly request: Buffer;
  /** Each stream begins anew, and so does what is known of it. */
  readonly newModel: () => M;
}

const asIs = (bytes: Buffer): Buffer => bytes;

/** A subscriber of an RPC of the seed that opens its stream again, at the next gateway, whenever it has been lost. */
export class ReopenedStream<M extends StreamModel> {
  readonly violations: unknown[] = [];
  model: M;
  /** How many streams there were. */
  streams = 0;
  /** Whether the gateway said that there is no more to tell. */
  hasEnded = false;
  readonly #options: ReopenedStreamOptions<M>;
  readonly #clients: readonly Client[];
  #call: ClientReadableStream<Buffer> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: ReopenedStreamOptions<M>) {
    this.#options = options;
    const insecure = credentials.createInsecure();
    const backoff = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200 };
    this.#clients = options.addresses.map((address) => new Client(address, insecure, backoff));
    this.model = options.newModel();
    this.#open();
  }

  pause(): void {
    this.#call?.pause();
  }

  resume(): void {
    this.#call?.resume();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#call?.cancel();
    for (const client of this.#clients) client.close();
  }

  #open(): void {
    const { path, request, newModel } = this.#options;
    const client = this.#clients[this.streams % this.#clients.length];
    if (client === undefined || this.#isClosed) return;
    this.streams += 1;
    const model = newModel();
    this.model = model;
    const call = client.makeServerStreamRequest(path, asIs, asIs, request);
    this.#call = call;
    call.on('data', (bytes: Buffer) => {
      try {
        model.receive(bytes);
      } catch (error) {
        this.violations.push(error);
      }
    });
    let code: number | undefined;
    // The status tells the same.
    call.on('error', () => undefined);
    call.on('status', (end) => {
      code = end.code;
      if (code === status.OK) this.hasEnded = true;
      else if (!this.#isClosed) this.#timer = setTimeout(() => this.#open(), 50);
    });
  }
}
