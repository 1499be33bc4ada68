import type { Server } from 'node:net';
import { createServer } from 'node:net';

/** The loopback address that a local cell listens on. */
export const loopback = '127.0.0.1';

/** The documented port of each address of a cell. */
export const documentedPorts = {
  apiGrpc: 7104,
  apiJobV1: 59051,
  apiHttp: 7180,
  masterHttp: 7280,
  agentGrpc: 7304,
  agentHttp: 7380,
} as const;

export type PortName = keyof typeof documentedPorts;

/** Returns different ports that are free on loopback at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => portOf(server));
  await Promise.all(servers.map((server) => close(server)));
  return ports;
}

/** Returns one free port. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error('no free port');
  return port;
}

/** Returns the documented ports; a free port replaces each one in use. */
export async function documentedOrFreePorts(): Promise<Record<PortName, number>> {
  const names = Object.keys(documentedPorts) as PortName[];
  const free = await Promise.all(names.map((name) => isFree(documentedPorts[name])));
  const spare = await freePorts(names.length);
  const entries = names.map((name, index) => [name, free[index] ? documentedPorts[name] : spare[index]]);
  return Object.fromEntries(entries) as Record<PortName, number>;
}

/** Returns the names of the ports that are not the documented ones. */
export function movedPorts(ports: Record<PortName, number>): PortName[] {
  return (Object.keys(documentedPorts) as PortName[]).filter((name) => ports[name] !== documentedPorts[name]);
}

/** True if a server could listen on this port of loopback now. */
export async function isFree(port: number): Promise<boolean> {
  try {
    await close(await listen(port));
    return true;
  } catch {
    return false;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: loopback, exclusive: true }, () => resolve(server));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string')
    throw new Error('the server does not listen on a port');
  return address.port;
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
}
