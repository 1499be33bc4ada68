import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { parseRedisUrl, type RedisAddress } from '@berth/store/redis';

const pingTimeoutMs = 2_000;

/**
 * Asks a Redis, or its sentinels, if it serves. Resolves to undefined if so, otherwise to the reason. A Redis
 * that requires a password counts as serving. Its users find out if the password in the URL is right.
 * @throws BerthError invalidArgument if the URL is not one of a Redis.
 */
export async function whyRedisDoesNotServe(url: string): Promise<string | undefined> {
  const whys = await Promise.all(socketsOf(parseRedisUrl(url)).map((open) => whySilent(open)));
  // One sentinel is enough to find the Redis.
  return whys.includes(undefined) ? undefined : whys.join('; ');
}

function whySilent(open: () => Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = open();
    let reply = '';
    const end = (why: string | undefined) => {
      resolve(why);
      socket.destroy();
    };
    socket.setTimeout(pingTimeoutMs, () => end(`no answer within ${pingTimeoutMs} ms`));
    socket.once('error', (error) => end(error.message));
    socket.once('close', () => end('it closed the connection'));
    socket.on('data', (chunk: Buffer) => {
      reply += chunk.toString('latin1');
      if (reply.includes('\r\n')) end(meaningOf(reply));
    });
    socket.write('PING\r\n');
  });
}

function socketsOf({ options }: RedisAddress): readonly (() => Socket)[] {
  const { sentinels, path, host = '127.0.0.1', port = 6379, tls } = options;
  if (sentinels) return sentinels.map((sentinel) => () => connectTcp({ host, port, ...sentinel }));
  if (path) return [() => connectTcp({ path })];
  return [() => (tls ? connectTls({ host, port, servername: host }) : connectTcp({ host, port }))];
}

function meaningOf(reply: string): string | undefined {
  const line = reply.slice(0, reply.indexOf('\r\n'));
  return line === '+PONG' || line.startsWith('-NOAUTH') ? undefined : line;
}
