import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { z } from 'zod';
import { loopback } from '../machine/ports.js';
import { dockerClient } from './docker-client.js';

/** Lets the containers of an engine on this machine reach a port of its loopback interface. */
export interface ContainerRelay {
  /** The address for containers, as `host:port`. */
  readonly address: string;
  /** Sets the target of connections. Until then none is answered. */
  relayTo(port: number): void;
  close(): Promise<void>;
}

const maxConnections = 1_000;

/**
 * Listens on the host's address on the engine's bridge. All containers on that network can reach it, and so
 * can others with a route to it. So callers need the user's consent. Undefined if the bridge is not on this
 * machine.
 */
export async function openContainerRelay(dockerHost: string): Promise<ContainerRelay | undefined> {
  const host = await bridgeAddress(dockerHost);
  return host === undefined ? undefined : openRelay(host);
}

/** Opens a relay at a free port of that address; undefined if this machine does not have the address. */
export async function openRelay(host: string): Promise<ContainerRelay | undefined> {
  const sockets = new Set<Socket>();
  let target: number | undefined;
  const server = createServer((container) => {
    if (target === undefined) return void container.destroy();
    const gateway = connect(target, loopback);
    for (const [socket, other] of [
      [container, gateway],
      [gateway, container],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    container.pipe(gateway).pipe(container);
  });
  server.maxConnections = maxConnections;
  try {
    server.listen(0, host);
    await once(server, 'listening');
  } catch {
    return undefined;
  }
  const address = server.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  return {
    address: `${host}:${port}`,
    relayTo: (given) => {
      target = given;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const networkShape = z.object({
  IPAM: z.object({ Config: z.array(z.object({ Subnet: z.cidrv4(), Gateway: z.ipv4().optional() })) }),
});

/** Returns the host's own address on the default network of containers. */
async function bridgeAddress(dockerHost: string): Promise<string | undefined> {
  const found: unknown = await dockerClient(dockerHost)
    .getNetwork('bridge')
    .inspect()
    .catch(() => undefined);
  return hostAddressIn(found);
}

/**
 * Returns the host's address from the engine's description of a network. An engine that made its bridge
 * itself leaves the address out: it is the first of the subnet.
 */
export function hostAddressIn(network: unknown): string | undefined {
  const [config] = networkShape.safeParse(network).data?.IPAM.Config ?? [];
  if (config === undefined) return undefined;
  const [subnet = ''] = config.Subnet.split('/');
  return config.Gateway ?? subnet.replace(/\d+$/, (last) => String(Number(last) + 1));
}
