import { Client, type ClientReadableStream, credentials, status } from '@grpc/grpc-js';

/** Checks the messages of one stream, and throws at the first one that is not allowed. */
export interface StreamModel {
  receive(bytes: Buffer): void;
}

export interface ReopenedStreamOptions<M extends StreamModel> {
  readonly addresses: readonly string[];
  readonly path: string;
  /** The encoded request. */
  readonly request: Buffer;
  /** Each stream begins with a snapshot, and so does its model. */
  readonly newModel: () => M;
}

/** A gateway that cannot be reached for this long gives way to the next one. */
const reachMs = 200;

const asIs = (bytes: Buffer): Buffer => bytes;

/** A subscriber of an RPC of the published API. It opens a lost stream again at the next gateway. */
export class ReopenedStream<M extends StreamModel> {
  readonly violations: unknown[] = [];
  model: M;
  /** The number of streams so far. */
  streams = 0;
  /** True if the gateway has completed the stream. */
  hasEnded = false;
  readonly #options: ReopenedStreamOptions<M>;
  readonly #clients: readonly Client[];
  #call: ClientReadableStream<Buffer> | undefined;
  #next = 0;
  #isClosed = false;

  constructor(options: ReopenedStreamOptions<M>) {
    this.#options = options;
    const insecure = credentials.createInsecure();
    const backoff = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200 };
    this.#clients = options.addresses.map((address) => new Client(address, insecure, backoff));
    this.model = options.newModel();
    this.#open(this.#nextClient());
  }

  pause(): void {
    this.#call?.pause();
  }

  resume(): void {
    this.#call?.resume();
  }

  close(): void {
    this.#isClosed = true;
    this.#call?.cancel();
    for (const client of this.#clients) client.close();
  }

  #nextClient(): Client | undefined {
    this.#next += 1;
    return this.#clients[(this.#next - 1) % this.#clients.length];
  }

  /** Opens the stream again at the next gateway that can be reached. */
  #reopen(): void {
    const client = this.#nextClient();
    client?.waitForReady(Date.now() + reachMs, (error) => {
      if (this.#isClosed) return;
      if (error) this.#reopen();
      else this.#open(client);
    });
  }

  #open(client: Client | undefined): void {
    const { path, request, newModel } = this.#options;
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
    // The status carries the same error.
    call.on('error', () => undefined);
    call.on('status', (end) => {
      code = end.code;
      if (code === status.OK) this.hasEnded = true;
      else if (!this.#isClosed) this.#reopen();
    });
  }
}
