import { hostname } from 'node:os';
import { ConfigError, parseConfig } from '@berth/shared/process/config';
import { describe, expect, it } from 'vitest';
import { agentConfigSchema } from './config.js';

const parse = (env: Record<string, string>) => parseConfig(agentConfigSchema, env);

describe('the agent’s configuration', () => {
  it('has a default for every setting', () => {
    expect(parse({})).toMatchObject({
      BERTH_AGENT_ID: hostname(),
      BERTH_AGENT_RUNTIME: 'docker',
      BERTH_AGENT_HTTP: { host: '127.0.0.1', port: 7380 },
      BERTH_AGENT_GRPC: { host: '127.0.0.1', port: 7304 },
      BERTH_AGENT_NETWORK: 'bridge',
      BERTH_AGENT_PORT_BIND: '127.0.0.1',
      BERTH_AGENT_HEARTBEAT: 2_000,
      BERTH_AGENT_ATTRIBUTES: {},
    });
    expect(parse({}).BERTH_AGENT_LAUNCH_LIMIT).toBeUndefined();
    expect(parse({ BERTH_AGENT_LAUNCH_LIMIT: '8' }).BERTH_AGENT_LAUNCH_LIMIT).toBe(8);
  });

  it('reports all problems at once', () => {
    const env = {
      BERTH_AGENT_ID: 'not an id',
      BERTH_AGENT_RUNTIME: 'podman',
      BERTH_AGENT_SIMULATED_AGENTS: '0',
      BERTH_AGENT_CPU: '-1',
      BERTH_AGENT_PORTS: 'many',
      BERTH_AGENT_NETWORK: 'mesh',
      BERTH_AGENT_PORT_BIND: 'everywhere',
      BERTH_AGENT_ATTRIBUTES: 'zone',
      BERTH_AGENT_GRPC: '0.0.0.0:7304',
    };
    const message = () => {
      try {
        parse(env);
        return '';
      } catch (error) {
        return error instanceof ConfigError ? error.message : '';
      }
    };
    for (const name of Object.keys(env)) expect(message()).toContain(`${name}: `);
    expect(message()).toContain('BERTH_AGENT_CPU: must be greater than 0');
  });

  it('refuses intervals without a pause, and more ports than a host has', () => {
    const least = {
      BERTH_AGENT_HEARTBEAT: '10ms',
      BERTH_AGENT_RUNTIME_SILENCE: '100ms',
      BERTH_AGENT_RESYNC: '50ms',
      BERTH_AGENT_SAMPLE_INTERVAL: '10ms',
    };
    expect(() => parse(least)).not.toThrow();
    for (const [name, span] of Object.entries(least))
      for (const given of ['0', '1ms'])
        expect(() => parse({ [name]: given })).toThrow(`${name}: must be at least ${span}`);
    expect(() => parse({ BERTH_AGENT_PORTS: '99999999' })).toThrow(
      'BERTH_AGENT_PORTS: must be at most 65535',
    );
    expect(() => parse({ BERTH_AGENT_PORTS: '1.5' })).toThrow(
      'BERTH_AGENT_PORTS: must be a whole number, not "1.5"',
    );
  });

  it('reports a wrong address of the engine with all other problems, if the runtime has an engine', () => {
    const env = { DOCKER_HOST: 'ftp://x', BERTH_AGENT_CPU: '-1' };
    const problem = 'DOCKER_HOST: must be unix://PATH or tcp://HOST:PORT';
    expect(() => parse(env)).toThrow(problem);
    expect(() => parse(env)).toThrow('BERTH_AGENT_CPU: must be greater than 0');
    expect(() => parse({ DOCKER_HOST: 'ssh://x', BERTH_AGENT_RUNTIME: 'simulated' })).not.toThrow();
    for (const host of ['unix:///run/docker.sock', 'tcp://engine:2375', 'engine:2375'])
      expect(() => parse({ DOCKER_HOST: host })).not.toThrow();
  });
});
