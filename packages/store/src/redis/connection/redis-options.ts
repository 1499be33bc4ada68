import { BerthError } from '@berth/shared/model/errors/errors';
import type { RedisOptions } from 'ioredis';

/** The address of a Redis: options of ioredis, and a name for messages without secrets. */
export interface RedisAddress {
  readonly options: RedisOptions;
  readonly name: string;
}

const defaultPort = 6379;
const defaultSentinelPort = 26379;

/**
 * Parses `redis://[user:password@]host:port[/db]`, the same with `rediss` (TLS),
 * `unix:///path/of.sock[?db=N]`, and `redis+sentinel://[user:password@]host:port,host:port/NAME[/db]`. Fails
 * with BerthError `invalidArgument` for others.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const scheme = /^([a-z+]+):\/\//.exec(url)?.[1];
  switch (scheme) {
    case 'redis':
    case 'rediss':
      return tcpAddress(parse(url), scheme === 'rediss');
    case 'unix':
      return socketAddress(parse(url));
    case 'redis+sentinel':
      return sentinelAddress(url);
    default:
      throw notUnderstood();
  }
}

function tcpAddress(url: URL, isTls: boolean): RedisAddress {
  const host = bareHost(url.hostname || '127.0.0.1');
  const port = Number(url.port || defaultPort);
  const options = {
    host,
    port,
    db: database(url.pathname.slice(1)),
    ...credentials(url),
    ...(isTls ? { tls: {} } : {}),
  };
  return { options, name: `${url.hostname || host}:${port}` };
}

function socketAddress(url: URL): RedisAddress {
  const path = decodeURIComponent(url.pathname);
  return {
    options: { path, db: database(url.searchParams.get('db') ?? ''), ...credentials(url) },
    name: path,
  };
}

function sentinelAddress(url: string): RedisAddress {
  const [, user = '', hosts = '', rest = ''] =
    /^redis\+sentinel:\/\/([^@/]*@)?([^/]+)\/(.+)$/.exec(url) ?? [];
  const [name = '', db = ''] = rest.split('/');
  const sentinels = hosts.split(',').filter(Boolean).map(sentinelOf);
  if (name === '' || sentinels.length === 0) throw notUnderstood();
  return {
    options: { sentinels, name, db: database(db), ...credentials(parse(`redis://${user}sentinels`)) },
    name: `${name} (of the sentinels ${hosts})`,
  };
}

function sentinelOf(host: string): { host: string; port: number } {
  const url = parse(`redis://${host}`);
  return { host: bareHost(url.hostname), port: Number(url.port || defaultSentinelPort) };
}

function credentials(url: URL): { username?: string; password?: string } {
  const username = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) };
}

function database(text: string): number {
  if (!/^\d*$/.test(text)) throw notUnderstood();
  return Number(text);
}

/** Sockets take an IPv6 address without its brackets. */
function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function parse(url: string): URL {
  try {
    return new URL(url);
  } catch {
    throw notUnderstood();
  }
}

// The message does not repeat the address, because it may hold a password.
function notUnderstood(): BerthError {
  return new BerthError(
    'invalidArgument',
    'The address of Redis is not understood: it has the form redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH or ' +
      'redis+sentinel://HOST:PORT,HOST:PORT/NAME.',
  );
}
