import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ManagedChild, startChild } from '@berth/local/machine/child-process';
import { repoRoot } from '@berth/local/machine/paths';
import { freePorts } from '@berth/local/machine/ports';
import { startRedisServer } from '@berth/local/redis/redis-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BreakableSocket, breakableSocket } from '../support/engine/breakable-socket.js';
import { skipDockerTests, testDockerHost } from '../support/engine/docker.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const kinds = ['api', 'master', 'agent'] as const;
const redisBinary = process.env.BERTH_TEST_REDIS_SERVER ?? '';
const isUnix = testDockerHost?.startsWith('unix://') ?? false;

/** Services as processes of their own, each alone with its environment. */
describe.skipIf(skipRedisTests !== false)('a service that is started', () => {
  let dir: string;
  let children: ManagedChild[];
  let sockets: BreakableSocket[];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-starting-'));
    children = [];
    sockets = [];
  });
  afterEach(async () => {
    await Promise.all(children.map((child) => child.kill()));
    await Promise.all(sockets.map((socket) => socket.remove()));
    await rm(dir, { recursive: true, force: true });
  });

  /** Starts a service on free ports. `env` may replace each of them. */
  const start = async (kind: (typeof kinds)[number], env: Readonly<Record<string, string>>) => {
    const [grpc, jobV1, http] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
    const addresses = {
      BERTH_API_GRPC: grpc,
      BERTH_API_JOBV1: jobV1,
      BERTH_API_HTTP: http,
      BERTH_MASTER_HTTP: http,
      BERTH_AGENT_GRPC: grpc,
      BERTH_AGENT_HTTP: http,
    };
    const logFile = join(dir, `${kind}.log`);
    const child = await startChild({
      name: kind,
      command: process.execPath,
      args: [join(repoRoot, 'services', kind, 'dist/main.js')],
      env: { ...addresses, BERTH_AGENT_RUNTIME: 'simulated', ...env },
      logFile,
    });
    children.push(child);
    const health = async () => {
      const answer = await fetch(`http://${http}/healthz`).catch(() => undefined);
      return answer === undefined ? undefined : { status: answer.status, text: await answer.text() };
    };
    const printed = () => readFile(logFile, 'utf8');
    return { child, health, printed };
  };
  /** The sentences that a service has logged as warnings or worse. */
  const warnings = async (printed: () => Promise<string>) =>
    (await printed())
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { level: number; msg: string })
      .filter(({ level }) => level >= 40)
      .map(({ msg }) => msg);

  it.each(kinds)('(%s) without Redis warns once, waits, and is ready once Redis is there', async (kind) => {
    const [port = 0] = await freePorts(1);
    const service = await start(kind, { BERTH_REDIS_URL: `redis://127.0.0.1:${port}` });
    const warned = await waitFor(
      async () => {
        const sentences = await warnings(service.printed);
        return sentences.length > 0 && sentences;
      },
      { what: 'it has said what it lacks' },
    );
    expect(warned).toEqual([
      expect.stringMatching(new RegExp(`^Redis at 127.0.0.1:${port} does not answer`)),
    ]);
    expect(await service.health()).toEqual({ status: 503, text: 'Redis has not answered yet\n' });
    const redis = await startRedisServer({
      binary: redisBinary,
      dataDir: dir,
      logFile: join(dir, 'redis.log'),
      port,
    });
    try {
      await waitFor(async () => (await service.health())?.status === 200, {
        what: 'it is ready',
        timeoutMs: 30_000,
      });
      expect(await warnings(service.printed)).toEqual(warned);
      expect(await service.child.stop(15_000)).toEqual({ code: 0, signal: null });
    } finally {
      await redis.stop();
    }
  });

  it.each(kinds)('(%s) without Redis can be stopped', async (kind) => {
    const [port = 0] = await freePorts(1);
    const service = await start(kind, { BERTH_REDIS_URL: `redis://127.0.0.1:${port}` });
    await waitFor(async () => (await warnings(service.printed)).length > 0, { what: 'it waits for Redis' });
    const before = performance.now();
    expect(await service.child.stop(15_000)).toEqual({ code: 0, signal: null });
    // It must not end only by the time limit after which a process that hangs ends itself.
    expect(performance.now() - before).toBeLessThan(8_000);
  });

  it.skipIf(skipDockerTests !== false || !isUnix)(
    'before Docker (agent) says so, waits, and is ready when Docker is there',
    async () => {
      const redis = await startRedisServer({
        binary: redisBinary,
        dataDir: dir,
        logFile: join(dir, 'redis.log'),
      });
      const socket = await breakableSocket(testDockerHost ?? '');
      sockets.push(socket);
      await socket.cut();
      try {
        const env = { BERTH_AGENT_RUNTIME: 'docker', DOCKER_HOST: socket.host, BERTH_REDIS_URL: redis.url };
        const service = await start('agent', env);
        const ill = await waitFor(
          async () => {
            const now = await service.health();
            return now?.status === 503 && now.text;
          },
          { what: 'it says that it is not ready' },
        );
        expect(ill).not.toBe('');
        const warned = await waitFor(
          async () => {
            const sentences = await warnings(service.printed);
            return sentences.length > 0 && sentences;
          },
          { what: 'it has said what it lacks' },
        );
        expect(warned).toEqual([expect.stringMatching(/Docker/)]);
        await socket.mend();
        await waitFor(async () => (await service.health())?.status === 200, {
          what: 'it is ready',
          timeoutMs: 30_000,
        });
        expect(await warnings(service.printed)).toEqual(warned);
        expect(await service.child.stop(15_000)).toEqual({ code: 0, signal: null });
      } finally {
        await redis.stop();
      }
    },
  );

  it('with a bad environment names all faults, and ends with 2', async () => {
    const { child, printed } = await start('api', {
      BERTH_REDIS_URL: 'nonsense',
      BERTH_CELL: 'A Cell',
      BERTH_API_GRPC: 'here',
      BERTH_API_HTTP: '0.0.0.0:7180',
    });
    expect(await child.exited).toEqual({ code: 2, signal: null });
    const lines = (await printed()).trim().split('\n');
    expect(lines[0]).toBe('The configuration is not valid:');
    const names = lines.slice(1).map((line) => line.trim().split(':')[0]);
    expect(names.toSorted()).toEqual(['BERTH_API_GRPC', 'BERTH_API_HTTP', 'BERTH_CELL', 'BERTH_REDIS_URL']);
  });

  it('on a port in use reports that in one sentence, and ends with 1', async () => {
    const redis = await startRedisServer({
      binary: redisBinary,
      dataDir: dir,
      logFile: join(dir, 'redis.log'),
    });
    try {
      const taken = `127.0.0.1:${redis.port}`;
      const { child, printed } = await start('api', { BERTH_REDIS_URL: redis.url, BERTH_API_GRPC: taken });
      expect(await child.exited).toEqual({ code: 1, signal: null });
      expect(await warnings(printed)).toEqual([
        expect.stringMatching(new RegExp(`cannot listen on ${taken}: .*already`)),
      ]);
    } finally {
      await redis.stop();
    }
  });
});
