import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Credentials } from './credentials.js';
import { RegistryClient } from './registry-client.js';

const servers: Server[] = [];
const xy = { username: 'x', password: 'y' };

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

/** A server that is a registry in one respect or another. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function ask(registry: string, credentials?: Credentials) {
  const client = new RegistryClient({
    credentials: async () => credentials,
    insecure: new Set(),
  });
  const image = { registry, path: 'team/app', reference: '1', isExplicit: true };
  return client.findDigest(image, AbortSignal.timeout(5_000));
}

describe('a registry', () => {
  it('is asked for manifests in the formats that engines pull', async () => {
    let accept: string | undefined;
    const registry = await serve(({ headers, url }, response) => {
      accept = `${url} ${headers.accept}`;
      response.writeHead(200, { 'docker-content-digest': `sha256:${'b'.repeat(64)}` }).end();
    });
    expect(await ask(registry)).toEqual({ outcome: 'found', digest: `sha256:${'b'.repeat(64)}` });
    expect(accept).toMatch(
      /^\/v2\/team\/app\/manifests\/1 .*oci\.image\.index\.v1.*distribution\.manifest\.v2/,
    );
  });

  it('without a digest header is asked for the manifest, to hash it', async () => {
    const registry = await serve(
      ({ method }, response) => void response.end(method === 'GET' ? '{}' : undefined),
    );
    const expected = createHash('sha256').update('{}').digest('hex');
    expect(await ask(registry)).toEqual({ outcome: 'found', digest: `sha256:${expected}` });
  });

  it('that sends without end is cut off', async () => {
    const registry = await serve(({ method }, response) => {
      if (method === 'HEAD') return void response.end();
      const write = () => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      };
      response.on('drain', write);
      write();
    });
    expect(await ask(registry)).toMatchObject({
      outcome: 'unanswered',
      why: expect.stringMatching('longer than'),
    });
  });

  it('that fails, limits or vanishes has not answered', async () => {
    for (const status of [500, 503, 429])
      expect(await ask(await serve((_, response) => void response.writeHead(status).end()))).toEqual({
        outcome: 'unanswered',
        why: `it answers ${status}`,
      });
    const gone = await serve((request) => void request.socket.destroy());
    expect(await ask(gone)).toMatchObject({ outcome: 'unanswered' });
  });

  it('that refuses, or asks for missing credentials, denies the image', async () => {
    const forbidding = await serve((_, response) => void response.writeHead(403).end());
    const asking = await serve(
      (_, response) => void response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    );
    const odd = await serve((_, response) => void response.writeHead(401).end());
    for (const registry of [forbidding, asking, odd])
      expect(await ask(registry)).toMatchObject({ outcome: 'denied' });
    expect(await ask(asking, xy)).toEqual({ outcome: 'denied', why: 'it answers 401' });
  });

  it('gets no credentials before it has asked for them', async () => {
    const seen: (string | undefined)[] = [];
    const registry = await serve(({ headers }, response) => {
      seen.push(headers.authorization);
      response
        .writeHead(headers.authorization === undefined ? 401 : 404, { 'www-authenticate': 'Basic realm="x"' })
        .end();
    });
    expect(await ask(registry, xy)).toEqual({ outcome: 'unknown' });
    expect(seen).toEqual([undefined, 'Basic eDp5']);
  });

  it('exchanges an identity token for a token', async () => {
    const posted: string[] = [];
    const registry = await serve((request, response) => {
      if (request.method === 'POST') {
        request.on('data', (chunk: Buffer) => posted.push(chunk.toString()));
        request.on('end', () => response.end(JSON.stringify({ access_token: 'abc' })));
      } else if (request.headers.authorization === 'Bearer abc') response.writeHead(404).end();
      else {
        const realm = `http://${request.headers.host}/token`;
        response.writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="s"` }).end();
      }
    });
    const credentials = { username: '', password: '', identityToken: 'id t' };
    expect(await ask(registry, credentials)).toEqual({ outcome: 'unknown' });
    expect(posted.join()).toContain('grant_type=refresh_token&client_id=berth&refresh_token=id+t');
  });
});
