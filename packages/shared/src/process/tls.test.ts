import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials } from '@grpc/grpc-js';
import { Registry } from 'prom-client';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { HealthClient } from '../gen/grpc/health/v1/health.js';
import { createHealth } from '../rpc/builtin/health.js';
import { startGrpcServer } from '../rpc/server/server.js';
import { ConfigError } from './config.js';
import { silentLogger } from './logger.js';
import { startStatusServer } from './status-server.js';
import { readTls, type Tls } from './tls.js';

const dir = mkdtempSync(join(tmpdir(), 'berth-tls-'));
const address = { host: '127.0.0.1', port: 0 };
const canMakeCertificates = hasOpenssl();

afterAll(() => rmSync(dir, { recursive: true }));

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return process.env.CI !== undefined;
  }
}

/** A self-signed certificate for this machine, good for a day. */
function makeCertificate(name: string): { cert: string; key: string } {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const files = ['-keyout', key, '-out', cert, '-days', '1'];
  const args = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    ...files,
    ...subject,
  ];
  execFileSync('openssl', args, { stdio: 'ignore' });
  return { cert, key };
}

function tlsOf(server: { cert: string; key: string }, clientCa?: string): Tls {
  const mutual = clientCa === undefined ? {} : { BERTH_TLS_CLIENT_CA: clientCa };
  const tls = readTls({ BERTH_TLS_CERT: server.cert, BERTH_TLS_KEY: server.key, ...mutual });
  if (tls === undefined) throw new Error('no TLS was read');
  return tls;
}

it('stays off when it is not configured', () => {
  expect(readTls({})).toBeUndefined();
});

it('names every file that cannot be read', () => {
  const read = () => readTls({ BERTH_TLS_CERT: join(dir, 'none.pem'), BERTH_TLS_KEY: join(dir, 'none.key') });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/BERTH_TLS_CERT: .*none\.pem[\s\S]*BERTH_TLS_KEY: .*none\.key/);
});

it('names every file with the wrong content', () => {
  const junk = import.meta.filename;
  const files = { BERTH_TLS_CERT: junk, BERTH_TLS_KEY: junk, BERTH_TLS_CLIENT_CA: junk };
  for (const name of Object.keys(files)) expect(() => readTls(files)).toThrow(`${name}: holds no `);
});

describe.skipIf(!canMakeCertificates)('with a certificate (needs openssl)', () => {
  it('refuses the key of another certificate', () => {
    const [one, other] = [makeCertificate('one'), makeCertificate('other')];
    expect(() => tlsOf({ cert: one.cert, key: other.key })).toThrow('BERTH_TLS_KEY: is not the key of');
    expect(tlsOf(one, other.cert).clientCa).toBeDefined();
  });

  it('the status server speaks HTTPS', async () => {
    const files = makeCertificate('status');
    const tls = tlsOf(files);
    const server = await startStatusServer({
      address,
      isReady: () => undefined,
      registry: new Registry(),
      log: silentLogger,
      tls,
    });
    onTestFinished(() => server.close());
    const code = await new Promise((resolve, reject) => {
      get(
        { ...address, port: server.port, path: '/healthz', ca: tls.cert, servername: 'localhost' },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      ).on('error', reject);
    });
    expect(code).toBe(200);
  });

  it('the gRPC server accepts clients that trust it, and with a client authority only those that it trusts', async () => {
    const [own, client] = [makeCertificate('server'), makeCertificate('client')];
    const tls = tlsOf(own, client.cert);
    const clientTls = tlsOf(client);
    const health = createHealth([], { log: silentLogger });
    const server = await startGrpcServer({ address, services: [], health, log: silentLogger, tls });
    onTestFinished(() => server.close(1000));
    const check = (channel: ReturnType<typeof credentials.createSsl>) => {
      const stub = new HealthClient(`127.0.0.1:${server.port}`, channel, {
        'grpc.ssl_target_name_override': 'localhost',
      });
      onTestFinished(() => stub.close());
      return new Promise((resolve) =>
        stub.check({ service: '' }, (error, answer) => resolve(answer ?? error?.code)),
      );
    };
    expect(await check(credentials.createSsl(tls.cert, clientTls.key, clientTls.cert))).toEqual({
      status: 2,
    });
    expect(await check(credentials.createSsl(tls.cert))).toBe(14);
    expect(await check(credentials.createInsecure())).toBe(14);
  });
});
