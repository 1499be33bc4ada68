import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HealthClient } from '@berth/shared/gen/grpc/health/v1/health';
import {
  JobManagementServiceClient,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { parseConfig } from '@berth/shared/process/config';
import { MemoryStore } from '@berth/store/memory';
import { type ChannelCredentials, Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { gatewayConfigSchema } from './config.js';
import { aBatchJob } from './testing/fixtures.js';
import { HttpCaller } from './testing/http-caller.js';
import { codeOf, RunningGateway } from './testing/running-gateway.js';

const dir = mkdtempSync(join(tmpdir(), 'berth-auth-'));
const tokensFile = join(dir, 'tokens');
const token = 'a-token-for-ada-1';
const canMakeCertificates = hasOpenssl();

let store: MemoryStore;
let gateway: RunningGateway;

beforeAll(() => writeFileSync(tokensFile, `${token} ada ada@example.org\n`));
afterAll(() => rmSync(dir, { recursive: true }));
beforeEach(() => {
  store = new MemoryStore();
});
afterEach(async () => {
  await gateway.close();
  await store.close();
});

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return process.env.CI !== undefined;
  }
}

/** A certificate that vouches for itself, good for a day. */
function makeCertificate(name: string) {
  const [cert, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = 'subjectAltName=IP:127.0.0.1,email:ada@example.org';
  const subject = ['-subj', `/CN=${name}`, '-addext', names];
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, '-days', '1', '-keyout', key, '-out', cert, ...subject],
    {
      stdio: 'ignore',
    },
  );
  return { cert, key };
}

const unowned = aBatchJob({ owner: undefined });
const said = { 'berth-caller-id': 'eve', 'berth-caller-email': 'eve@example.org' };

describe('a gateway with tokens', () => {
  beforeEach(async () => {
    gateway = await RunningGateway.start(store, { BERTH_API_TOKENS: tokensFile });
  });

  it('refuses every call without a token, over gRPC and HTTP', async () => {
    expect(await codeOf(gateway.create(unowned, { headers: said }))).toBe(status.UNAUTHENTICATED);
    const http = new HttpCaller(gateway.gateway.httpPort);
    expect(await http.get('/api/v1/jobs', said)).toMatchObject({
      status: 401,
      json: { code: 'UNAUTHENTICATED' },
    });
    const watcher = gateway.observeJobs();
    await watcher.until(() => watcher.code !== undefined);
    expect(watcher.code).toBe(status.UNAUTHENTICATED);
  });

  it("makes the token's caller the owner and author", async () => {
    const headers = { ...said, authorization: `Bearer ${token}` };
    const { response } = await gateway.call(methods.createJob, unowned, { headers });
    const { response: job } = await gateway.call(methods.findJob, response, { headers });
    expect(job.jobDescriptor?.owner).toEqual({ ownerEmail: 'ada@example.org', teamEmail: 'ada@example.org' });
    const http = new HttpCaller(gateway.gateway.httpPort);
    const { json } = await http.get('/api/v1/jobs', headers);
    expect(json.pagination.totalItems).toBe(1);
    const reader = store.openLogReader();
    const log = await reader.readLog({ revision: 0, commitId: '' }, 0);
    expect(log.ok && log.entries.map(({ actor }) => actor)).toEqual(['ada']);
    await reader.close();
  });

  it('serves its health to everyone', async () => {
    const client = new HealthClient(`127.0.0.1:${gateway.gateway.grpcPort}`, credentials.createInsecure());
    const answer = await new Promise((resolve) =>
      client.check({ service: '' }, (error, value) => resolve(error ?? value)),
    );
    Client.prototype.close.call(client);
    expect(answer).toEqual({ status: 1 });
    expect((await fetch(`http://127.0.0.1:${gateway.gateway.httpPort}/healthz`)).status).toBe(200);
  });
});

describe.skipIf(!canMakeCertificates)('a gateway with TLS', () => {
  const call = (how: ChannelCredentials, headers: Record<string, string> = {}) => {
    const client = new JobManagementServiceClient(`127.0.0.1:${gateway.gateway.grpcPort}`, how);
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    return new Promise<string | number>((resolve) => {
      client.createJob(unowned, metadata, { deadline: Date.now() + 5_000 }, (error, answer) => {
        Client.prototype.close.call(client);
        resolve(error?.code ?? answer?.id ?? '');
      });
    });
  };
  const fetchStatus = (path: string, options: object) =>
    new Promise<number>((resolve, reject) => {
      const request = { host: '127.0.0.1', port: gateway.gateway.httpPort, path, agent: false, ...options };
      get(request, (answer) => resolve(answer.resume().statusCode ?? 0)).on('error', reject);
    });

  it('speaks it on both ports, and no plain text', async () => {
    const server = makeCertificate('gateway');
    gateway = await RunningGateway.start(store, { BERTH_TLS_CERT: server.cert, BERTH_TLS_KEY: server.key });
    const ca = readFileSync(server.cert);
    expect(await call(credentials.createSsl(ca), said)).toMatch(/^[0-9a-f-]{36}$/);
    expect(await call(credentials.createInsecure(), said)).toBe(status.UNAVAILABLE);
    expect(await fetchStatus('/healthz', { ca })).toBe(200);
    expect(await fetchStatus('/api/v1/jobs', { ca })).toBe(200);
    await expect(fetch(`http://127.0.0.1:${gateway.gateway.httpPort}/healthz`)).rejects.toThrow();
  });

  it('admits only callers with a trusted certificate', async () => {
    const [server, ada, eve] = [makeCertificate('gateway'), makeCertificate('ada'), makeCertificate('eve')];
    gateway = await RunningGateway.start(store, {
      BERTH_TLS_CERT: server.cert,
      BERTH_TLS_KEY: server.key,
      BERTH_TLS_CLIENT_CA: ada.cert,
    });
    const ca = readFileSync(server.cert);
    const of = ({ cert, key }: typeof ada) => ({ cert: readFileSync(cert), key: readFileSync(key) });
    const ssl = ({ cert, key }: ReturnType<typeof of>) => credentials.createSsl(ca, key, cert);
    const id = await call(ssl(of(ada)), said);
    const job = await store.openLogReader().readLog({ revision: 0, commitId: '' }, 0);
    expect(job.ok && job.entries.map(({ actor }) => actor)).toEqual(['ada']);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await call(ssl(of(eve)), said)).toBe(status.UNAVAILABLE);
    expect(await call(credentials.createSsl(ca), said)).toBe(status.UNAVAILABLE);
    expect(await fetchStatus('/api/v1/jobs', { ca, ...of(ada) })).toBe(200);
    expect(await fetchStatus('/api/v1/jobs', { ca })).toBe(401);
    expect(await fetchStatus('/api/v1/jobs', { ca, ...of(eve) })).toBe(401);
    expect(await fetchStatus('/healthz', { ca })).toBe(200);
  });

  it('refuses an authority for clients without a certificate of its own', async () => {
    gateway = await RunningGateway.start(store);
    const parse = () => parseConfig(gatewayConfigSchema, { BERTH_TLS_CLIENT_CA: import.meta.filename });
    expect(parse).toThrow(/BERTH_TLS_CLIENT_CA: needs BERTH_TLS_CERT/);
  });
});
