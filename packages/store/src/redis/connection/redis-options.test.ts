import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-options.js';

describe('the address of a Redis', () => {
  it('may be a host and port, with a database and credentials, and its name hides these', () => {
    expect(parseRedisUrl('redis://me:p%40ss@redis.example:7000/2')).toEqual({
      options: { host: 'redis.example', port: 7000, db: 2, username: 'me', password: 'p@ss' },
      name: 'redis.example:7000',
    });
    expect(parseRedisUrl('redis://[::1]').options).toEqual({ host: '::1', port: 6379, db: 0 });
  });

  it('may ask for TLS', () => {
    expect(parseRedisUrl('rediss://redis.example').options).toMatchObject({ tls: {}, port: 6379 });
  });

  it('may be a socket', () => {
    expect(parseRedisUrl('unix:///run/my%20redis.sock?db=3')).toEqual({
      options: { path: '/run/my redis.sock', db: 3 },
      name: '/run/my redis.sock',
    });
  });

  it('may be a name of sentinels', () => {
    const { options, name } = parseRedisUrl('redis+sentinel://:secret@one:26380,two/cell-a/1');
    expect(options).toEqual({
      sentinels: [
        { host: 'one', port: 26380 },
        { host: 'two', port: 26379 },
      ],
      name: 'cell-a',
      db: 1,
      password: 'secret',
    });
    expect(name).toBe('cell-a (of the sentinels one:26380,two)');
  });

  it('of any other form is refused in one sentence without its secrets', () => {
    const bad = [
      '',
      'http://host',
      'redis://host/db',
      'redis://ho st:secret',
      'redis+sentinel://one',
      'host:6379',
    ];
    for (const url of bad) {
      expect(() => parseRedisUrl(url)).toThrow(
        expect.objectContaining({ code: 'invalidArgument', message: expect.not.stringContaining('secret') }),
      );
    }
  });
});
