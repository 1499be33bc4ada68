import type { Socket } from 'node:net';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

const pingTimeoutMs = 2_000;
const defaultRedisPort = 6379;

/**
 * Asks a Redis whether it serves. Resolves to undefined if so, otherwise to why not. A Redis that wants a password is
 * there; whether the one in its URL is right is for those to say who use it.
 */
export function whyRedisDoesNotServe(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = open(new URL(url));
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

function open(url: URL): Socket {
  const host = url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  const port = Number(url.port || defaultRedisPort);
  if (url.protocol === 'unix:') return connectTcp({ path: url.pathname });
  return url.protocol === 'rediss:'
    ? connectTls({ host, port, servername: host })
    : connectTcp({ host, port });
}

function meaningOf(reply: string): string | undefined {
  const line = reply.slice(0, reply.indexOf('\r\n'));
  return line === '+PONG' || line.startsWith('-NOAUTH') ? undefined : line;
}
