import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A proxy between an agent and its engine. It measures the engine's time for a container's create and start
 * calls.
 */
export interface DockerTimer {
  /** The address for the agent, as DOCKER_HOST has it. */
  readonly host: string;
  /** Create plus start of the container of that name, in ms. */
  launchMs(name: string): number;
  close(): Promise<void>;
}

/** Passes all calls on to the engine at the unix socket, and times those of launches. */
export async function startDockerTimer(engineSocket: string): Promise<DockerTimer> {
  const createMs = new Map<string, number>();
  const startMs = new Map<string, number>();
  const server = createServer((call, answer) => {
    const beganMs = performance.now();
    passOn(engineSocket, call, answer, () => {
      const tookMs = performance.now() - beganMs;
      const url = new URL(call.url ?? '/', 'http://engine');
      if (call.method !== 'POST') return;
      if (url.pathname.endsWith('/containers/create'))
        createMs.set(url.searchParams.get('name') ?? '', tookMs);
      const started = /\/containers\/([^/]+)\/start$/.exec(url.pathname)?.[1];
      if (started !== undefined) startMs.set(decodeURIComponent(started), tookMs);
    });
  });
  server.keepAliveTimeout = 0;
  const directory = await mkdtemp(join(tmpdir(), 'berth-timer-'));
  const socket = join(directory, 'docker.sock');
  server.listen(socket);
  await once(server, 'listening');
  return {
    host: `unix://${socket}`,
    launchMs: (name) => (createMs.get(name) ?? Number.NaN) + (startMs.get(name) ?? Number.NaN),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function passOn(
  socketPath: string,
  call: IncomingMessage,
  answer: ServerResponse,
  onAnswered: () => void,
): void {
  const { method, url, headers } = call;
  const onward = request({ socketPath, method, path: url, headers }, (reply) => {
    onAnswered();
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    answer.flushHeaders();
    reply.pipe(answer);
    reply.on('error', () => answer.destroy());
  });
  onward.on('error', () => answer.destroy());
  answer.on('close', () => onward.destroy());
  call.pipe(onward);
}
