import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { type ListenAddress, listenError } from './address.js';
import type { Logger } from './logger.js';
import type { Tls } from './tls.js';

interface StatusServerOptions {
  readonly address: ListenAddress;
  /** Undefined when the service can do its work; otherwise why it cannot. */
  readonly isReady: () => string | undefined;
  readonly registry: Registry;
  readonly log: Logger;
  /** The paths that this address serves besides, named in the answer to a request for a missing one. */
  readonly elsewhere?: string;
  /** Without it the server speaks plain HTTP. Clients need no certificate in either case. */
  readonly tls?: Tls;
}

export interface StatusServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * The time that a server keeps an idle connection open. Load balancers keep theirs for 60 s. A server that
 * closes first can close just as the next request arrives, and that request fails.
 */
export const idleConnectionMs = 75_000;

/**
 * Serves `GET /healthz` (200 `ok`, or 503 with the reason) and `GET /metrics` over HTTP.
 * Rejects with one sentence when the address cannot be had.
 */
export async function startStatusServer(options: StatusServerOptions): Promise<StatusServer> {
  const { tls } = options;
  const listener = statusListener(options);
  const server =
    tls === undefined ? createServer(listener) : createTlsServer({ cert: tls.cert, key: tls.key }, listener);
  server.keepAliveTimeout = idleConnectionMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError('status server', options.address, error)));
    server.listen(options.address.port, options.address.host, resolve);
  });
  server.on('error', (error) => options.log.error({ err: error }, 'status server failed'));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The status pages as a listener, for a service that has an HTTP server of its own. */
export function statusListener({
  isReady,
  registry,
  log,
  elsewhere,
}: Omit<StatusServerOptions, 'address' | 'tls'>): RequestListener {
  const nothing = `there is /healthz and /metrics${elsewhere === undefined ? '' : `, and ${elsewhere}`}`;
  return (request, response) => {
    answer(request, response, { isReady, registry, nothing }).catch((error: unknown) => {
      log.error({ err: error }, `could not answer ${request.url}`);
      send(response, 500, 'internal error');
    });
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { isReady, registry, nothing }: Pick<StatusServerOptions, 'isReady' | 'registry'> & { nothing: string },
): Promise<void> {
  const path = request.url?.split('?')[0];
  if (path !== '/healthz' && path !== '/metrics') return send(response, 404, nothing);
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, 'only GET');
  if (path === '/metrics') return send(response, 200, await registry.metrics(), registry.contentType);
  const why = isReady();
  send(response, why === undefined ? 200 : 503, why ?? 'ok');
}

function send(
  response: ServerResponse,
  code: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(code, { 'content-type': contentType, 'cache-control': 'no-store' });
  response.end(text.endsWith('\n') ? text : `${text}\n`);
}
