import {
  type DeepPartial,
  ObserveServiceService as methods,
  type ObserveRequest,
  ObserveRequest_Subscription,
  type ObserveResponse,
} from '@berth/shared/gen/berth/v1/observe_service';
import { Client, type ClientDuplexStream, credentials, type Metadata } from '@grpc/grpc-js';
import { vi } from 'vitest';
import { CellMirror } from './cell-mirror.js';

/** A subscriber of the whole cell, over a connection of its own. */
export class CellWatcher {
  readonly mirror: CellMirror;
  readonly #client: Client;
  readonly #call: ClientDuplexStream<ObserveRequest, ObserveResponse>;
  /** The status that the stream ended with. */
  code: number | undefined;
  details = '';
  trailers: Metadata | undefined;
  #violation: unknown;

  constructor(
    address: string,
    subscription: DeepPartial<ObserveRequest_Subscription> = {},
    mirror = new CellMirror(),
  ) {
    this.mirror = mirror;
    this.#client = new Client(address, credentials.createInsecure());
    const { path, requestSerialize, responseDeserialize } = methods.observe;
    this.#call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#call.on('data', (message: ObserveResponse) => this.#receive(message));
    this.#call.on('error', () => {});
    this.#call.on('status', ({ code, details, metadata }) => {
      this.code = code;
      this.details = details;
      this.trailers = metadata;
    });
    const value = ObserveRequest_Subscription.fromPartial(subscription);
    this.#call.write({ request: { $case: 'subscription', value } });
  }

  /** The first promise that the stream has broken. */
  get violation(): unknown {
    return this.#violation;
  }

  get kinds(): readonly string[] {
    return this.mirror.received.map(({ $case }) => $case);
  }

  /** Asks for a checkpoint. */
  ask(id: string): void {
    this.#call.write({ request: { $case: 'checkpoint', value: { id } } });
  }

  hasReached(id: string): boolean {
    return this.mirror.received.some(
      (response) => response.$case === 'checkpointReached' && response.value.id === id,
    );
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  /** Resolves once the condition holds; rejects if the stream has broken a promise. */
  async until(condition: () => boolean, timeoutMs = 50_000): Promise<void> {
    await vi.waitFor(
      () => {
        if (this.#violation !== undefined) return;
        if (!condition())
          throw new Error(`not yet; so far ${this.kinds.slice(-10)}, code ${this.code} ${this.details}`);
      },
      { timeout: timeoutMs, interval: 5 },
    );
    if (this.#violation !== undefined) throw this.#violation;
  }

  /** Resolves once everything that was committed before has been received. */
  async caughtUp(timeoutMs?: number): Promise<void> {
    const id = `c${Math.random()}`;
    this.ask(id);
    await this.until(() => this.hasReached(id), timeoutMs);
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }

  #receive(message: ObserveResponse): void {
    try {
      this.mirror.receive(message);
    } catch (error) {
      this.#violation ??= error;
    }
  }
}
