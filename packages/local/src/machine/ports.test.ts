import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { documentedPorts, freePorts, isFree, loopback, movedPorts } from './ports.js';

describe('ports', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  it('are all different', async () => {
    const ports = await freePorts(20);
    expect(new Set(ports).size).toBe(20);
  });

  it('are not free while a server listens on them', async () => {
    const [port = 0] = await freePorts(1);
    expect(await isFree(port)).toBe(true);
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(port, loopback, resolve));
    expect(await isFree(port)).toBe(false);
  });

  it('are listed by name if they are not the documented ones', () => {
    expect(movedPorts(documentedPorts)).toEqual([]);
    expect(movedPorts({ ...documentedPorts, apiHttp: 1, agentGrpc: 2 })).toEqual(['apiHttp', 'agentGrpc']);
  });
});
