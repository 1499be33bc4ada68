import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { berthDir } from '../machine/paths.js';
import { silentProgress } from '../output/progress.js';
import { obtainRedisBinary } from './redis-binary.js';
import { whyRedisDoesNotServe } from './redis-ping.js';
import { startRedisServer } from './redis-server.js';

/** The package's download takes longer than any other test. */
const fetchTimeoutMs = 120_000;

describe('a Redis server of our own', () => {
  let dir: string;
  let binary: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-redis-'));
    binary = process.env.BERTH_TEST_REDIS_SERVER ?? (await obtainRedisBinary(berthDir, silentProgress));
  }, fetchTimeoutMs);

  afterAll(() => rm(dir, { recursive: true, force: true }));

  function start(name: string) {
    return startRedisServer({ binary, dataDir: join(dir, name), logFile: join(dir, `${name}.log`) });
  }

  function send(port: number, command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(`${command}\r\n`));
      socket.once('error', reject);
      socket.once('data', (data) => {
        resolve(data.toString().trim());
        socket.destroy();
      });
    });
  }

  it('serves after its start, and no more after its stop', async () => {
    const redis = await start('serves');
    expect(await whyRedisDoesNotServe(redis.url)).toBeUndefined();
    await redis.stop();
    expect(redis.child.exit()).toEqual({ code: 0, signal: null });
    expect(await whyRedisDoesNotServe(redis.url)).toMatch(/ECONNREFUSED/);
  });

  it('has everything that it acknowledged after a kill and a restart on its port', async () => {
    const redis = await start('killed');
    expect(await send(redis.port, 'SET berth kept')).toBe('+OK');
    await redis.child.kill();
    const options = {
      binary,
      dataDir: join(dir, 'killed'),
      logFile: join(dir, 'killed.log'),
      port: redis.port,
    };
    const again = await startRedisServer(options);
    try {
      expect(again.url).toBe(redis.url);
      expect(await send(again.port, 'GET berth')).toContain('kept');
    } finally {
      await again.stop();
    }
  });

  it('gives the reason of a failed start', async () => {
    const dataDir = join(dir, 'blocked');
    await mkdir(dataDir);
    await writeFile(join(dataDir, 'appendonlydir'), 'a file where Redis wants its directory');
    const starting = startRedisServer({ binary, dataDir, logFile: join(dir, 'blocked.log') });
    await expect(starting).rejects.toThrow(/Redis did not start; the end of its log:\n.*append-only dir/s);
  });
});
