import { vi } from 'vitest';

/** An answer over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of every shape.
  readonly json: any;
}

/** Calls a gateway's JSON API, as any HTTP client does. */
export class HttpCaller {
  readonly #url: string;

  constructor(port: number) {
    this.#url = `http://127.0.0.1:${port}`;
  }

  get(path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return this.send('GET', path, undefined, headers);
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, json: JSON.parse(text) };
  }

  async observe(path: string, headers: Record<string, string> = {}): Promise<EventReader> {
    const leaving = new AbortController();
    const response = await fetch(`${this.#url}${path}`, { headers, signal: leaving.signal });
    return new EventReader(response, leaving);
  }
}

export interface ReceivedEvent {
  readonly id?: string;
  readonly event?: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into JSON of every shape.
  readonly data?: any;
}

/** Collects the events of a stream, and its end. */
export class EventReader {
  readonly response: Response;
  readonly events: ReceivedEvent[] = [];
  hasEnded = false;
  readonly #leaving: AbortController;

  constructor(response: Response, leaving: AbortController) {
    this.response = response;
    this.#leaving = leaving;
    this.#read().catch(() => {
      this.hasEnded = true;
    });
  }

  get kinds(): (string | undefined)[] {
    return this.events.map(({ event }) => event);
  }

  leave(): void {
    this.#leaving.abort();
  }

  until(condition: () => boolean): Promise<void> {
    return vi.waitFor(
      () => {
        if (!condition()) throw new Error(`not yet; so far: ${this.kinds.slice(-10)}`);
      },
      { timeout: 50_000, interval: 5 },
    );
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of this.response.body ?? []) {
      const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      this.events.push(...blocks.map(parseEvent).filter(({ event }) => event !== undefined));
    }
    this.hasEnded = true;
  }
}

function parseEvent(block: string): ReceivedEvent {
  const fields = block.split('\n').map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)] as const;
  });
  const { id, event, data } = Object.fromEntries(fields) as Record<string, string | undefined>;
  return {
    ...(id === undefined ? {} : { id }),
    ...(event === undefined ? {} : { event }),
    ...(data === undefined ? {} : { data: JSON.parse(data) }),
  };
}
