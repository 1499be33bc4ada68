import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { MetricsPages, maxPageBytes, type PageAddress } from './metrics-page.js';

describe('a page of metrics over HTTP', () => {
  const servers: Server[] = [];
  const pages = new MetricsPages();
  afterEach(async () => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
    servers.length = 0;
    pages.close();
  });

  async function serve(answer: RequestListener): Promise<PageAddress> {
    const server = createServer(answer);
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  /** Returns an address without a listener. */
  async function deserted(): Promise<PageAddress> {
    const address = await serve(() => undefined);
    const server = servers.pop();
    server?.close();
    if (server !== undefined) await once(server, 'close');
    return address;
  }

  it('is read by its path, over a connection that stays open', async () => {
    const asked: string[] = [];
    let connections = 0;
    const address = await serve((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('a 1\n');
    });
    servers[0]?.on('connection', () => {
      connections += 1;
    });
    expect(await pages.fetch([address], '/metrics?all=1')).toBe('a 1\n');
    expect(await pages.fetch([address], '/metrics')).toBe('a 1\n');
    expect(asked).toEqual(['GET /metrics?all=1', 'GET /metrics']);
    expect(connections).toBe(1);
  });

  it('comes from the first address that answers', async () => {
    const address = await serve((_, response) => response.end('a 1\n'));
    expect(await pages.fetch([await deserted(), address], '/')).toBe('a 1\n');
  });

  it('is missing if nobody answers, with a reason for each address', async () => {
    const refusing = await serve((_, response) => response.writeHead(404).end());
    const failing = pages.fetch([await deserted(), refusing], '/x');
    await expect(failing).rejects.toMatchObject({
      name: 'RuntimeError',
      kind: 'failed',
      message: expect.stringMatching(
        /^127.0.0.1:\d+\/x: .*ECONNREFUSED.*; 127.0.0.1:\d+\/x: HTTP status 404$/,
      ),
    });
    await expect(pages.fetch([], '/')).rejects.toMatchObject({ message: 'the container has no address' });
  });

  it('is not read to the end if it is too long', async () => {
    const address = await serve((_, response) => {
      const more = () => response.write('x'.repeat(100_000));
      response.on('drain', more);
      while (more());
    });
    const tooLong = `the page is longer than ${maxPageBytes} bytes`;
    await expect(pages.fetch([address], '/')).rejects.toThrow(tooLong);
  });

  it('is not awaited if it is slow', async () => {
    const impatient = new MetricsPages({ timeoutMs: 50 });
    const address = await serve((_, response) => response.write('a'));
    await expect(impatient.fetch([address], '/')).rejects.toThrow('no answer within 50 ms');
    impatient.close();
  });
});
