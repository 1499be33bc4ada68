import { describe, expect, it } from 'vitest';
import { readStartSettings } from './start-settings.js';

const reading = (env: NodeJS.ProcessEnv) => () => readStartSettings(env);

describe('the settings of npm start', () => {
  it('include a Redis, a cell and the address of the gateway for containers', () => {
    const env = {
      BERTH_REDIS_URL: 'redis+sentinel://one:26379,two:26379/cell',
      BERTH_CELL: 'mine',
      BERTH_MASTER_API_URL: 'http://gateway:7180',
      BERTH_INSECURE: 'true',
      BERTH_AGENT_RUNTIME: 'docker',
      BERTH_MASTER_LEASE: '5s',
    };
    const { BERTH_MASTER_LEASE: _forServices, ...own } = env;
    expect(readStartSettings(env)).toEqual({ ...own, BERTH_INSECURE: true });
    expect(readStartSettings({ BERTH_REDIS_URL: '' }).BERTH_REDIS_URL).toBeUndefined();
  });

  it('refuse a wrong Redis address', () => {
    expect(reading({ BERTH_REDIS_URL: 'foo' })).toThrow(
      'BERTH_REDIS_URL: must be an address such as redis://',
    );
    expect(reading({ BERTH_REDIS_URL: 'foo' })).not.toThrow('is not understood');
    expect(reading({ BERTH_REDIS_URL: 'redis://h/x' })).toThrow('BERTH_REDIS_URL: is not understood');
  });

  it('refuse all settings that it chooses itself, at once', () => {
    const env = {
      BERTH_API_GRPC: '127.0.0.1:99999',
      BERTH_API_HTTP: '127.0.0.1:8080',
      BERTH_AGENT_ID: 'mine',
      BERTH_AGENT_RUNTIME: 'simulated',
      BERTH_API_TOKENS: '/etc/tokens',
      BERTH_CELL: 'Not a cell',
    };
    for (const name of Object.keys(env)) expect(reading(env)).toThrow(`${name}: `);
    expect(reading(env)).toThrow('BERTH_API_GRPC: npm start chooses its addresses itself');
  });
});
