import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  attributes,
  ConfigError,
  cellConfigShape,
  durationMs,
  listenAddress,
  parseConfig,
  readAll,
  tlsConfigShape,
} from './config.js';

/** For settings that name files. */
const aFile = import.meta.filename;

const schema = z.object({
  ...cellConfigShape,
  BERTH_API_GRPC: listenAddress('127.0.0.1:7104'),
  BERTH_API_HTTP: listenAddress('127.0.0.1:7180'),
  BERTH_LEASE: durationMs.prefault('10s'),
  BERTH_AGENT_ATTRIBUTES: attributes.prefault(''),
});

const problemsOf = (env: NodeJS.ProcessEnv, of: z.ZodType = schema) => {
  try {
    parseConfig(of, env);
  } catch (error) {
    if (error instanceof ConfigError)
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.trim());
    throw error;
  }
  return [];
};

describe('a configuration', () => {
  it('has every default when nothing is set', () => {
    expect(parseConfig(schema, {})).toEqual({
      BERTH_REDIS_URL: 'redis://127.0.0.1:6379',
      BERTH_CELL: 'local',
      BERTH_LOG_LEVEL: 'info',
      BERTH_INSECURE: false,
      BERTH_STORE_TUNING: 'on',
      BERTH_API_GRPC: { host: '127.0.0.1', port: 7104 },
      BERTH_API_HTTP: { host: '127.0.0.1', port: 7180 },
      BERTH_LEASE: 10_000,
      BERTH_AGENT_ATTRIBUTES: {},
    });
  });

  it('takes a variable that is set to nothing as unset', () => {
    expect(parseConfig(schema, { BERTH_CELL: '', BERTH_LEASE: ' ' })).toMatchObject({
      BERTH_CELL: 'local',
      BERTH_LEASE: 10_000,
    });
  });

  it.each([
    'redis://user:secret@redis.example:6380/2',
    'rediss://redis.example',
    'unix:///run/redis.sock',
    'redis+sentinel://one:26379,two:26379/cell',
  ])('takes a Redis at %s', (address) => {
    expect(parseConfig(schema, { BERTH_REDIS_URL: address }).BERTH_REDIS_URL).toBe(address);
  });

  it('names every wrong variable at once', () => {
    const problems = problemsOf({
      BERTH_REDIS_URL: 'http://x',
      BERTH_CELL: 'No:{spaces}',
      BERTH_LOG_LEVEL: 'loud',
      BERTH_API_GRPC: 'localhost',
      BERTH_API_HTTP: '0.0.0.0:7180',
      BERTH_LEASE: 'soon',
      BERTH_AGENT_ATTRIBUTES: 'zone,a=1,a=2',
    });
    expect(problems).toEqual([
      'BERTH_REDIS_URL: must be an address such as redis://127.0.0.1:6379 or redis+sentinel://HOST:PORT,HOST:PORT/NAME',
      'BERTH_CELL: must be 1 to 63 lower-case letters, digits or hyphens',
      'BERTH_LOG_LEVEL: must be trace, debug, info, warn, error, fatal or silent',
      'BERTH_API_GRPC: must be host:port such as 127.0.0.1:7104, not "localhost"',
      'BERTH_LEASE: must be a time such as 250ms, 10s, 5m or 1h, not "soon"',
      'BERTH_AGENT_ATTRIBUTES: must be name=value,name=value; "zone" is not',
      'BERTH_AGENT_ATTRIBUTES: names a more than once',
      'BERTH_API_HTTP: 0.0.0.0:7180 lets other machines in; that needs BERTH_INSECURE=1',
    ]);
  });

  it('reports a missing required variable', () => {
    expect(problemsOf({}, z.object({ BERTH_AGENT_ID: z.string() }))).toEqual(['BERTH_AGENT_ID: must be set']);
  });

  it('quotes a text that is no number', () => {
    const count = z.object({ BERTH_COUNT: z.coerce.number().int() });
    expect(problemsOf({ BERTH_COUNT: 'many' }, count)).toEqual(['BERTH_COUNT: must be a number, not "many"']);
  });

  it('explains in words an unreadable file, together with all other faults', () => {
    const withTls = schema.extend(tlsConfigShape);
    const files = { BERTH_TLS_CERT: '/nope', BERTH_TLS_KEY: import.meta.dirname };
    expect(problemsOf({ ...files, BERTH_LEASE: 'soon', BERTH_TLS_CLIENT_CA: `${aFile}/x` }, withTls)).toEqual(
      [
        'BERTH_LEASE: must be a time such as 250ms, 10s, 5m or 1h, not "soon"',
        'BERTH_TLS_CERT: there is no file /nope',
        `BERTH_TLS_KEY: ${import.meta.dirname} is a directory, not a file`,
        `BERTH_TLS_CLIENT_CA: there is no file ${aFile}/x`,
      ],
    );
    expect(problemsOf({ BERTH_TLS_CLIENT_CA: aFile }, withTls)).toEqual([
      'BERTH_TLS_CLIENT_CA: needs BERTH_TLS_CERT and BERTH_TLS_KEY',
    ]);
  });

  it('does not repeat a Redis password', () => {
    expect(problemsOf({ BERTH_REDIS_URL: 'rediss//:secret@host' }).join()).not.toContain('secret');
  });
});

describe('several readers', () => {
  const refuse =
    (...problems: string[]) =>
    () => {
      throw ConfigError.of(problems);
    };

  it('answer by name, or with all their faults', () => {
    expect(readAll({ one: () => 1, two: () => 'b' })).toEqual({ one: 1, two: 'b' });
    expect(() => readAll({ one: refuse('A: x', 'B: y'), two: () => 2, three: refuse('C: z') })).toThrow(
      'The configuration is not valid:\n  A: x\n  B: y\n  C: z',
    );
  });

  it('do not hide a fault of another kind', () => {
    const broken = () => {
      throw new Error('broken');
    };
    expect(() => readAll({ one: refuse('A: x'), two: broken })).toThrow('broken');
  });
});

describe('listening on other than loopback', () => {
  it.each(['0.0.0.0:7104', '[::]:7104', '10.0.0.1:7104', 'example.com:7104'])('%s is refused', (address) => {
    expect(problemsOf({ BERTH_API_GRPC: address })).toEqual([
      `BERTH_API_GRPC: ${address} lets other machines in; that needs BERTH_INSECURE=1`,
    ]);
  });

  it.each(['127.0.0.1:0', '127.1.2.3:7104', '[::1]:7104', 'localhost:7104'])('%s is loopback', (address) => {
    expect(problemsOf({ BERTH_API_GRPC: address })).toEqual([]);
  });

  it('is allowed by BERTH_INSECURE=1 alone, or by a certificate if the service can use one', () => {
    const env = { BERTH_API_GRPC: '0.0.0.0:7104' };
    const tls = { ...env, BERTH_TLS_CERT: aFile, BERTH_TLS_KEY: aFile };
    const withTls = schema.extend(tlsConfigShape);
    expect(problemsOf({ ...env, BERTH_INSECURE: '1' })).toEqual([]);
    expect(problemsOf({ ...env, BERTH_INSECURE: '0' })).toHaveLength(1);
    expect(problemsOf(tls, withTls)).toEqual([]);
    expect(problemsOf(tls, schema)).toHaveLength(1);
    expect(problemsOf({ ...env, BERTH_TLS_CERT: aFile }, withTls)).toEqual([
      'BERTH_TLS_CERT: BERTH_TLS_CERT and BERTH_TLS_KEY are set both or neither',
      'BERTH_API_GRPC: 0.0.0.0:7104 lets other machines in; that needs BERTH_TLS_CERT and BERTH_TLS_KEY, or BERTH_INSECURE=1',
    ]);
  });

  it('is found in a schema with a transformed result', () => {
    const transformed = schema.transform((config) => ({ grpc: config.BERTH_API_GRPC }));
    expect(problemsOf({ BERTH_API_GRPC: '0.0.0.0:7104' }, transformed)).toHaveLength(1);
    expect(parseConfig(transformed, {})).toEqual({ grpc: { host: '127.0.0.1', port: 7104 } });
  });
});

describe('the pieces of a configuration', () => {
  it.each([
    ['250', 250],
    ['250ms', 250],
    ['1.5s', 1500],
    ['5m', 300_000],
    ['1h', 3_600_000],
  ])('reads %s as %i ms', (text, ms) => {
    expect(durationMs.parse(text)).toBe(ms);
  });

  it('reads attributes, with = in values and blanks around', () => {
    expect(attributes.parse('zone=a, rack = r1 ,args=x=y,')).toEqual({ zone: 'a', rack: 'r1', args: 'x=y' });
  });
});
