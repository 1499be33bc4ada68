/**
 * The gateway's HTTP port. It serves status pages from the start, and the JSON API once the gateway has read
 * the cell's state.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ListenAddress, listenError } from '@berth/shared/process/address';
import { systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { idleConnectionMs, statusListener } from '@berth/shared/process/status-server';
import type { Tls } from '@berth/shared/process/tls';
import { answerApi, answerNotReady, isApiPath, type JsonApiOptions } from './json-api.js';
import { openApiPath } from './openapi.js';
import { apiRoot } from './routes.js';

interface HttpServerOptions {
  readonly address: ListenAddress;
  readonly status: Parameters<typeof statusListener>[0];
  readonly log: Logger;
  /** Without it the server speaks plain HTTP. */
  readonly tls?: Tls | undefined;
}

export interface HttpServer {
  readonly port: number;
  /** Serves the JSON API from now on; before that the API is UNAVAILABLE. */
  serve(api: JsonApiOptions): void;
  /** Accepts no further calls. Resolves when all answers were sent or `graceMs` are over. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Rejects with one sentence if the address is not available. */
export async function startHttpServer({ address, status, log, tls }: HttpServerOptions): Promise<HttpServer> {
  const elsewhere = `${apiRoot}, which ${openApiPath} describes`;
  const answerStatus = statusListener({ ...status, elsewhere });
  const calls = new Set<ServerResponse>();
  let api: JsonApiOptions | undefined;
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    if (!isApiPath(request.url ?? '')) return answerStatus(request, response);
    if (api === undefined) return answerNotReady(response, log);
    calls.add(response);
    response.on('close', () => calls.delete(response));
    void answerApi(request, response, api);
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tlsOptions(tls), listener);
  server.keepAliveTimeout = idleConnectionMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError('HTTP server', address, error)));
    server.listen(address.port, address.host, resolve);
  });
  server.on('error', (error) => log.error({ err: error }, 'HTTP server failed'));
  return {
    port: (server.address() as AddressInfo).port,
    serve: (options) => {
      api = options;
    },
    drain: async (graceMs) => {
      api = undefined;
      await within(graceMs, Promise.all([...calls].map((response) => once(response, 'close'))));
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The status pages are open to everyone: the server asks for a certificate, and only the API requires it. */
function tlsOptions({ cert, key, clientCa }: Tls): ServerOptions {
  const mutual = { ca: clientCa, requestCert: true, rejectUnauthorized: false };
  return { cert, key, ...(clientCa === undefined ? {} : mutual) };
}

async function within(limitMs: number, done: Promise<unknown>): Promise<void> {
  const isDone = new AbortController();
  await Promise.race([done, systemClock.sleep(limitMs, isDone.signal)]);
  isDone.abort();
}
