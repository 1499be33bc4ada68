import type { CallContext } from '@berth/shared/rpc/calls/handlers';

/** A source of requests; grpc-js's ServerDuplexStream is one. */
export interface RequestSource<T> {
  on(event: 'data', listener: (request: T) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** A caller's requests, one at a time. Requests that are not read yet stay with the caller. */
export class RequestReader<T> {
  readonly #source: RequestSource<T>;
  readonly #arrived: T[] = [];
  #hasEnded = false;
  #wake: (() => void) | undefined;
  #handler: ((request: T) => Promise<void>) | undefined;
  #isHandling = false;

  constructor(source: RequestSource<T>) {
    this.#source = source;
    source.on('data', (request) => {
      this.#arrived.push(request);
      source.pause();
      this.#wake?.();
      this.#handleNext();
    });
    const end = () => this.close();
    source.on('end', end);
    source.on('close', end);
    source.pause();
  }

  /** Returns the next request. Undefined if the caller sends no more. */
  async next(): Promise<T | undefined> {
    while (this.#arrived.length === 0 && !this.#hasEnded) {
      this.#source.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#wake = undefined;
    return this.#arrived.shift();
  }

  /**
   * Passes each further request to the handler after the handler has finished the one before it. A caller
   * may stay silent for weeks: no promise waits meanwhile. The handler must not reject.
   */
  handle(handler: (request: T) => Promise<void>): void {
    this.#handler = handler;
    this.#handleNext();
  }

  /** Ends the wait for a request. */
  close(): void {
    this.#hasEnded = true;
    this.#handler = undefined;
    this.#wake?.();
  }

  #handleNext(): void {
    if (this.#handler === undefined || this.#isHandling) return;
    const request = this.#arrived.shift();
    if (request === undefined) {
      this.#source.resume();
      return;
    }
    this.#isHandling = true;
    void this.#handler(request).finally(() => {
      this.#isHandling = false;
      this.#handleNext();
    });
  }
}

/**
 * Returns the first request of a call. Undefined if there is none. Rejects with the reason if the call ends
 * before it.
 */
export async function firstRequest<T>(requests: RequestReader<T>, call: CallContext): Promise<T | undefined> {
  let gone: Error | undefined;
  const stop = (reason: Error) => {
    gone = reason;
    requests.close();
  };
  call.onAbort(stop);
  try {
    const request = await requests.next();
    if (gone !== undefined) throw gone;
    return request;
  } finally {
    call.offAbort(stop);
  }
}
