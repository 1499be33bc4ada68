import { execFileSync } from 'node:child_process';
import { createSign, randomUUID, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const issuer = 'berth-test';
const service = 'berth-test-registry';

/** A server that gives registry tokens to callers with the password. */
export interface TokenServer {
  /** The `auth` section of the registry's configuration, as YAML. */
  readonly registryAuth: string;
  /** The number of requested tokens. */
  readonly asked: number;
  /** Returns the header that authorizes everything on one repository. */
  authorize(repository: string): string;
  stop(): Promise<void>;
}

/**
 * Starts it on a free port. `password` is `name:password`. It needs openssl for the certificate that the
 * registry trusts.
 */
export async function startTokenServer(password: string): Promise<TokenServer> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-test-token-'));
  const [keyFile, certFile] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=berth-test', '-days', '2'];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', keyFile, '-out', certFile, ...subject],
    { stdio: 'ignore' },
  );
  const key = readFileSync(keyFile, 'utf8');
  const certificate = new X509Certificate(readFileSync(certFile)).raw.toString('base64');
  const sign = (access: readonly Access[]) => signedToken(key, certificate, access);
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    if (!knowsPassword(request, password)) return void response.writeHead(401).end();
    const { searchParams } = new URL(request.url ?? '', 'http://localhost');
    const token = sign([accessOf(searchParams.get('scope') ?? '')]);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  return {
    registryAuth: `auth:
  token:
    realm: ${realm}
    service: ${service}
    issuer: ${issuer}
    rootcertbundle: ${certFile}
`,
    get asked() {
      return asked;
    },
    authorize: (name) => `Bearer ${sign([{ type: 'repository', name, actions: ['pull', 'push'] }])}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface Access {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

function accessOf(scope: string): Access {
  const [type = '', name = '', actions = ''] = scope.split(':');
  return { type, name, actions: actions.split(',') };
}

function knowsPassword({ headers }: IncomingMessage, password: string): boolean {
  return headers.authorization === `Basic ${Buffer.from(password).toString('base64')}`;
}

function signedToken(key: string, certificate: string, access: readonly Access[]): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const header = part({ typ: 'JWT', alg: 'RS256', x5c: [certificate] });
  const claims = { iss: issuer, sub: 'test', aud: service, exp: now + 300, nbf: now - 10, iat: now };
  const signed = `${header}.${part({ ...claims, jti: randomUUID(), access })}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
}
