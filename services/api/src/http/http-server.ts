/** The gateway's HTTP port: status pages from the start, the JSON API as soon as the cell's state has been read. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ListenAddress, listenError } from '@berth/shared/process/address';
import { systemClock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { statusListener } from '@berth/shared/process/status-server';
import type { Tls } from '@berth/shared/process/tls';
import { answerApi, answerNotReady, isApiPath, type JsonApiOptions } from './json-api.js';
import { openApiPath } from './openapi.js';
import { apiRoot } from './routes.js';

export interface HttpServerOptions {
  readonly address: ListenAddress;
  readonly status: Parameters<typeof statusListener>[0];
  readonly log: Logger;
  /** Without it the server speaks plain HTTP. */
  readonly tls?: Tls | undefined;
}

export interface HttpServer {
  readonly port: number;
  /** Serves the JSON API from now on; until then it is UNAVAILABLE. */
  serve(api: JsonApiOptions): void;
  /** Takes no further calls, and resolves when the answers of those in progress have left or `graceMs` are over. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Rejects with one sentence when the address cannot be had. */
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

/** The status pages are for whoever can reach them: a certificate is asked for, and the API looks at it. */
function tlsOptions({ cert, key, clientCa }: Tls): ServerOptions {
  const mutual = { ca: clientCa, requestCert: true, rejectUnauthorized: false };
  return { cert, key, ...(clientCa === undefined ? {} : mutual) };
}

async function within(limitMs: number, done: Promise<unknown>): Promise<void> {
  const isDone = new AbortController();
  await Promise.race([done, systemClock.sleep(limitMs, isDone.signal)]);
  isDone.abort();
}
