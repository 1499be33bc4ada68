import { describe, expect, it } from 'vitest';
import { documentedPorts } from '../machine/ports.js';
import { type CellSettings, planCell } from './cell-plan.js';
import { planOnFreePorts } from './cell-ports.js';

const settings: CellSettings = {
  cell: 'local',
  redisUrl: 'redis://127.0.0.1:6379',
  dockerHost: 'unix:///x/docker.sock',
  runtime: 'docker',
  counts: { api: 1, master: 1, agent: 1 },
  agentIdPrefix: 'agent-7',
  extraEnv: {},
};

const documented = (name: keyof typeof documentedPorts) => documentedPorts[name];

describe('planCell', () => {
  it('gives each service its addresses, and all of them the same Redis and cell', () => {
    const { services } = planCell(settings, documented);
    expect(services.map((service) => service.name)).toEqual(['api', 'master', 'agent']);
    for (const { env } of services) {
      expect(env).toMatchObject({ BERTH_REDIS_URL: 'redis://127.0.0.1:6379', BERTH_CELL: 'local' });
    }
    expect(services[0]?.env).toMatchObject({
      BERTH_API_GRPC: '127.0.0.1:7104',
      BERTH_API_HTTP: '127.0.0.1:7180',
    });
    expect(services[1]?.env).toMatchObject({ BERTH_MASTER_HTTP: '127.0.0.1:7280' });
    expect(services[2]?.env).toMatchObject({
      BERTH_AGENT_ID: 'agent-7',
      DOCKER_HOST: 'unix:///x/docker.sock',
    });
  });

  it('numbers the second and further processes of a kind', () => {
    const { services, agentIds, gateways } = planCell(
      { ...settings, counts: { api: 2, master: 2, agent: 2 } },
      (name, index) => documentedPorts[name] + index,
    );
    expect(services.map((service) => service.name)).toEqual([
      'api',
      'api-2',
      'master',
      'master-2',
      'agent',
      'agent-2',
    ]);
    expect(agentIds).toEqual(['agent-7', 'agent-7-2']);
    expect(gateways.map((gateway) => gateway.grpc)).toEqual(['127.0.0.1:7104', '127.0.0.1:7105']);
  });

  it('gives masters the address of a gateway for containers', () => {
    const apiUrl = (given: Partial<CellSettings>) =>
      planCell({ ...settings, ...given }, documented).services.find(({ kind }) => kind === 'master')?.env
        .BERTH_MASTER_API_URL;
    expect(apiUrl({})).toBe('http://127.0.0.1:7180');
    expect(apiUrl({ containersApiUrl: 'http://172.17.0.1:4711' })).toBe('http://172.17.0.1:4711');
    expect(apiUrl({ counts: { api: 0, master: 1, agent: 1 } })).toBe('');
  });

  it('gives simulated agents no engine', () => {
    const { services } = planCell({ ...settings, runtime: 'simulated' }, documented);
    const agent = services.find((service) => service.kind === 'agent');
    expect(agent?.env).toMatchObject({ BERTH_AGENT_RUNTIME: 'simulated' });
    expect(agent?.env).not.toHaveProperty('DOCKER_HOST');
  });

  it('lets additional settings prevail', () => {
    const { services } = planCell(
      { ...settings, extraEnv: { master: { BERTH_LOG_LEVEL: 'debug' } } },
      documented,
    );
    expect(services.map((service) => service.env.BERTH_LOG_LEVEL)).toEqual([undefined, 'debug', undefined]);
  });
});

describe('planOnFreePorts', () => {
  it('gives every address of the cell a port of its own', async () => {
    const { plan } = await planOnFreePorts({ ...settings, counts: { api: 2, master: 3, agent: 2 } }, false);
    const addresses = plan.services.flatMap(({ env }) =>
      Object.values(env).filter((value) => /^127.*:\d+$/.test(value)),
    );
    expect(addresses).toHaveLength(2 * 3 + 3 + 2 * 2);
    expect(new Set(addresses).size).toBe(addresses.length);
  });
});
