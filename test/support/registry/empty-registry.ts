import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EmptyRegistry {
  /** `host:port`, the first part of an image's name. */
  readonly host: string;
  close(): Promise<void>;
}

/** Starts a registry without images, for an engine on this machine: on loopback Docker speaks plain HTTP. */
export async function startEmptyRegistry(): Promise<EmptyRegistry> {
  const server = createServer((incoming, response) => {
    const isPing = incoming.url === '/v2/';
    response.writeHead(isPing ? 200 : 404, { 'content-type': 'application/json' });
    const unknown = { errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] };
    response.end(JSON.stringify(isPing ? {} : unknown));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
