import { Client, type ClientReadableStream, credentials, status } from '@grpc/grpc-js';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import {
  type HealthCheckResponse,
  HealthClient,
  type HealthListResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../../gen/grpc/health/v1/health.js';
import { JobManagementServiceService } from '../../gen/netflix/titus/titus_job_api.js';
import { silentLogger } from '../../process/logger.js';
import { type GrpcServer, startGrpcServer } from '../server/server.js';
import { createHealth, type Health } from './health.js';

let server: GrpcServer | undefined;

async function serve(): Promise<{ health: Health; client: HealthClient; shutdown: AbortController }> {
  const shutdown = new AbortController();
  const health = createHealth([JobManagementServiceService], {
    log: silentLogger,
    shutdown: shutdown.signal,
  });
  const address = { host: '127.0.0.1', port: 0 };
  server = await startGrpcServer({ address, services: [], health, shutdown, log: silentLogger });
  const client = new HealthClient(`127.0.0.1:${server.port}`, credentials.createInsecure());
  onTestFinished(() => Client.prototype.close.call(client));
  return { health, client, shutdown };
}

afterEach(async () => {
  await server?.close(1000);
});

const nextStatus = (stream: ClientReadableStream<HealthCheckResponse>) =>
  new Promise<ServingStatus>((resolve) =>
    stream.once('data', ({ status: now }: HealthCheckResponse) => resolve(now)),
  );

it('reports NOT_SERVING until setServing', async () => {
  const { client } = await serve();
  const response = await new Promise((resolve) =>
    client.check({ service: '' }, (_, answer) => resolve(answer)),
  );
  expect(response).toEqual({ status: ServingStatus.NOT_SERVING });
});

it('lists the health of the server and its services', async () => {
  const { client, health } = await serve();
  health.setServing(true);
  const { statuses } = await new Promise<HealthListResponse>((resolve) =>
    client.list({}, (_, answer) => resolve(answer)),
  );
  expect(Object.keys(statuses)).toEqual(['', 'netflix.titus.JobManagementService']);
});

it('sends watchers each change, and NOT_SERVING before the server ends', async () => {
  const { client, health } = await serve();
  const stream = client.watch({ service: 'netflix.titus.JobManagementService' });
  const ended = new Promise<status>((resolve) =>
    stream.on('error', ({ code }: { code: status }) => resolve(code)),
  );
  expect(await nextStatus(stream)).toBe(ServingStatus.NOT_SERVING);
  health.setServing(true);
  expect(await nextStatus(stream)).toBe(ServingStatus.SERVING);
  const last = nextStatus(stream);
  await server?.close(1000);
  expect(await last).toBe(ServingStatus.NOT_SERVING);
  expect(await ended).toBe(status.UNAVAILABLE);
});

it('sends watchers of an unknown service SERVICE_UNKNOWN, and keeps the stream open', async () => {
  const { client } = await serve();
  const stream = client.watch({ service: 'x' });
  stream.on('error', () => {});
  expect(await nextStatus(stream)).toBe(ServingStatus.SERVICE_UNKNOWN);
  stream.cancel();
});
