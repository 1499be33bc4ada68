import { Agent, get, type IncomingMessage } from 'node:http';
import { type Clock, startTimer, systemClock } from '@berth/shared/process/clock';
import { RuntimeError } from '../contract/container-runtime.js';

/** An address of a page. */
export interface PageAddress {
  readonly host: string;
  readonly port: number;
}

/** A slower page is not awaited: the next round comes soon. */
const pageTimeoutMs = 2_000;
/** A longer page is not read. */
export const maxPageBytes = 1024 * 1024;
const idleSocketMs = 30_000;

interface MetricsPagesOptions {
  readonly clock?: Clock;
  readonly timeoutMs?: number;
}

/** Gets pages of metrics. The connections stay open between rounds. */
export class MetricsPages {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #sockets = new Agent({ keepAlive: true, timeout: idleSocketMs });

  constructor({ clock = systemClock, timeoutMs = pageTimeoutMs }: MetricsPagesOptions = {}) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Returns the page from the first address that has one. Fails with a RuntimeError of the kind `failed`; its
   * message has the failure of each address.
   */
  async fetch(addresses: readonly PageAddress[], path: string): Promise<string> {
    const limit = new AbortController();
    const { signal } = limit;
    const cancel = startTimer(this.#clock, this.#timeoutMs, () => limit.abort());
    try {
      return await this.#fetchFirst(addresses, path, signal);
    } finally {
      cancel();
    }
  }

  async #fetchFirst(addresses: readonly PageAddress[], path: string, signal: AbortSignal): Promise<string> {
    const failures: string[] = [];
    for (const { host, port } of addresses) {
      try {
        return await this.#get({ host, port, path }, signal);
      } catch (error) {
        const why = signal.aborted ? `no answer within ${this.#timeoutMs} ms` : messageOf(error);
        failures.push(`${host}:${port}${path}: ${why}`);
      }
    }
    throw new RuntimeError('failed', failures.join('; ') || 'the container has no address');
  }

  close(): void {
    this.#sockets.destroy();
  }

  #get(target: PageAddress & { readonly path: string }, signal: AbortSignal): Promise<string> {
    const headers = { accept: 'text/plain;version=0.0.4;q=1,*/*;q=0.1' };
    return new Promise((resolve, reject) => {
      const asking = get({ ...target, headers, agent: this.#sockets, signal }, (response) => {
        readBody(response).then(resolve, (error: unknown) => {
          asking.destroy();
          reject(error);
        });
      });
      asking.on('error', reject);
    });
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  if (response.statusCode !== 200) throw new Error(`HTTP status ${response.statusCode}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxPageBytes) throw new Error(`the page is longer than ${maxPageBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
