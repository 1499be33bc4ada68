import { parseConfig } from '@berth/shared/process/config';
import { describe, expect, it } from 'vitest';
import { connectionOptions, gatewayConfigSchema } from './config.js';

const parse = (env: Record<string, string>) => parseConfig(gatewayConfigSchema, env);

describe('the gateway’s configuration', () => {
  it('accepts connections without an age limit, or with a useful one', () => {
    const age = (text: string) => () => parse({ BERTH_API_MAX_CONNECTION_AGE: text });
    expect(connectionOptions(age('0')())).toEqual({});
    expect(connectionOptions(age('100ms')())).toMatchObject({ 'grpc.max_connection_age_ms': 100 });
    expect(age('1ms')).toThrow('BERTH_API_MAX_CONNECTION_AGE: must be 0 or at least 100ms');
    // A timer cannot be set for so long: every connection would end at once.
    expect(age('600h')).toThrow('BERTH_API_MAX_CONNECTION_AGE: must be at most 576h');
  });

  it('refuses a time of zero for registries', () => {
    expect(() => parse({ BERTH_IMAGE_RESOLUTION_TIMEOUT: '0' })).toThrow(
      'BERTH_IMAGE_RESOLUTION_TIMEOUT: must be at least 10ms',
    );
  });

  it('names every missing file', () => {
    const names = ['BERTH_TLS_CERT', 'BERTH_TLS_KEY', 'BERTH_TLS_CLIENT_CA', 'BERTH_API_TOKENS'];
    const env = Object.fromEntries([...names, 'BERTH_IMAGE_AUTH_FILE'].map((name) => [name, `/no/${name}`]));
    for (const [name, path] of Object.entries(env))
      expect(() => parse({ ...env, BERTH_API_WRITE_RATE: '-1' })).toThrow(
        `${name}: there is no file ${path}`,
      );
  });
});
