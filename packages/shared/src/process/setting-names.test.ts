import { describe, expect, it } from 'vitest';
import { serviceSettings, strangeSettings } from './setting-names.js';

describe('names in the environment', () => {
  it.each([
    ['BERTH_MASTER_LEESE', 'BERTH_MASTER_LEASE'],
    ['BERTH_AGENT_HEARTBEATS', 'BERTH_AGENT_HEARTBEAT'],
    ['BERTH_RESOLUTION', 'BERTH_IMAGE_RESOLUTION'],
    ['BERTH_APITOKEN', 'BERTH_API_TOKEN'],
  ])('%s is reported as unknown, with %s as the nearest name', (name, near) => {
    expect(strangeSettings({ [name]: '1' })).toEqual([
      `${name} is no setting of Berth: nothing reads it. The nearest is ${near}.`,
    ]);
  });

  it('are reported in order, even if they resemble no known name', () => {
    const notices = strangeSettings({ BERTH_Z: '', BERTH_API_FOO: '1', BERTH_CELL: 'x' });
    expect(notices.map((text) => text.split(' ')[0])).toEqual(['BERTH_API_FOO', 'BERTH_Z']);
    expect(notices[0]).toMatch(/The nearest is BERTH_API_\w+\.$/);
  });

  it('are not reported if any part of the product reads them', () => {
    const names = [
      ...serviceSettings,
      ...['BERTH_API_TOKEN', 'BERTH_API_CA', 'BERTH_CALLER_EMAIL', 'BERTH_DEBUG', 'BERTH_DOCKER_SOCKET'],
      ...['BERTH_GATEWAY_1_GRPC_PORT', 'BERTH_SIM_RUN_MS', 'BERTH_TEST_REDIS_SERVER', 'BERTH_BENCH_FLAGS'],
      ...['BERTH_TASK_ID', 'BERTH_STAGES_ENDPOINT', 'HOME', 'DOCKER_HOST'],
    ];
    expect(strangeSettings(Object.fromEntries(names.map((name) => [name, '1'])))).toEqual([]);
  });

  it('are not reported if Kubernetes has made them', () => {
    const env = {
      BERTH_API_SERVICE_HOST: '10.0.0.1',
      BERTH_API_SERVICE_PORT_GRPC: '7104',
      BERTH_API_PORT: 'tcp://10.0.0.1:7104',
      BERTH_API_PORT_7104_TCP_ADDR: '10.0.0.1',
    };
    expect(strangeSettings(env)).toEqual([]);
    expect(strangeSettings({ BERTH_API_PORT: '7104' })).toHaveLength(1);
  });
});
