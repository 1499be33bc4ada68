import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../machine/ports.js';
import { whyRedisDoesNotServe } from './redis-ping.js';

/** Answers the first bytes of every connection. */
async function serve(at: number | string, answer = '+PONG\r\n'): Promise<void> {
  const server = createServer((socket) => socket.on('data', () => socket.end(answer)));
  await new Promise<void>((resolve) => server.listen(at, resolve));
  onTestFinished(() => void server.close());
}

describe('the check of a Redis', () => {
  it('describes a wrong address', async () => {
    await expect(whyRedisDoesNotServe('foo')).rejects.toThrow('The address of Redis is not understood');
  });

  it('asks sentinels; one of them is enough', async () => {
    const [port, nobody] = [await freePort(), await freePort()];
    const url = `redis+sentinel://127.0.0.1:${nobody},127.0.0.1:${port}/cell`;
    expect(await whyRedisDoesNotServe(url)).toMatch(/ECONNREFUSED.*; .*ECONNREFUSED/);
    await serve(port);
    expect(await whyRedisDoesNotServe(url)).toBeUndefined();
  });

  it('asks at a socket, and reports unexpected answers', async () => {
    const path = join(tmpdir(), `berth-ping-${process.pid}.sock`);
    await serve(path, '-LOADING\r\n');
    expect(await whyRedisDoesNotServe(`unix://${path}`)).toBe('-LOADING');
  });
});
