import { Agent, get as httpGet, type IncomingMessage } from 'node:http';
import { Counter, Registry } from 'prom-client';
import { afterEach, expect, it } from 'vitest';
import { silentLogger } from './logger.js';
import { createRegistry } from './metrics.js';
import { type StatusServer, startStatusServer } from './status-server.js';

const address = { host: '127.0.0.1', port: 0 };
let server: StatusServer | undefined;

async function serve(isReady: () => string | undefined, registry = new Registry()) {
  server = await startStatusServer({ address, isReady, registry, log: silentLogger });
  return (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server?.port}${path}`, init);
}

afterEach(() => server?.close());

it('answers ok when the service is ready, and 503 with the reason when it is not', async () => {
  let why: string | undefined = 'Redis does not answer';
  const get = await serve(() => why);
  const unready = await get('/healthz');
  expect([unready.status, await unready.text()]).toEqual([503, 'Redis does not answer\n']);
  why = undefined;
  const ready = await get('/healthz?verbose');
  expect([ready.status, await ready.text()]).toEqual([200, 'ok\n']);
});

it('keeps idle connections open for longer than the 60 s of load balancers', async () => {
  await serve(() => undefined);
  const agent = new Agent({ keepAlive: true });
  const options = { port: server?.port, path: '/healthz', agent };
  const response = await new Promise<IncomingMessage>((resolve) => httpGet(options, resolve));
  const seconds = Number(/timeout=(\d+)/.exec(String(response.headers['keep-alive']))?.[1]);
  response.resume();
  agent.destroy();
  expect(seconds).toBeGreaterThan(60);
});

it("serves its registry's metrics", async () => {
  const registry = new Registry();
  new Counter({ name: 'berth_rounds_total', help: 'Rounds.', registers: [registry] }).inc(3);
  const get = await serve(() => undefined, registry);
  const response = await get('/metrics');
  expect(response.headers.get('content-type')).toBe(registry.contentType);
  expect(await response.text()).toContain('berth_rounds_total 3');
});

it('answers 500, and continues, when the metrics cannot be read', async () => {
  const registry = new Registry();
  const collect = () => {
    throw new Error('collector failed');
  };
  registry.registerMetric(new Counter({ name: 'x', help: 'x', registers: [], collect }));
  const get = await serve(() => undefined, registry);
  expect((await get('/metrics')).status).toBe(500);
  expect((await get('/healthz')).status).toBe(200);
});

it('has no other pages and no other methods', async () => {
  const get = await serve(() => undefined);
  expect((await get('/')).status).toBe(404);
  expect((await get('/metrics', { method: 'POST' })).status).toBe(405);
});

it('reports in one sentence that its address is in use', async () => {
  await serve(() => undefined);
  const taken = { ...address, port: server?.port ?? 0 };
  const again = startStatusServer({
    address: taken,
    isReady: () => undefined,
    registry: new Registry(),
    log: silentLogger,
  });
  await expect(again).rejects.toThrow(
    `The status server cannot listen on 127.0.0.1:${taken.port}: another process listens there already.`,
  );
});

it("serves the process's own figures, labelled with the service", async () => {
  const text = await createRegistry('master').metrics();
  expect(text).toMatch(/process_resident_memory_bytes\{service="master"\} \d+/);
  expect(text).toMatch(/nodejs_eventloop_lag_p99_seconds\{service="master"\}/);
});
