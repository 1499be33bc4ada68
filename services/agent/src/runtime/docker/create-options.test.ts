import { describe, expect, it } from 'vitest';
import type { ContainerSpec } from '../../core/container-spec.js';
import { engineFeatures } from './core/engine-features.js';
import { createOptions } from './create-options.js';

const spec: ContainerSpec = {
  name: 'j.0-0',
  image: 'x:1',
  entryPoint: [],
  command: [],
  env: {},
  labels: {},
  cpuMillis: 500,
  memoryMb: 64,
  network: 'none',
  ports: [],
  portBind: '127.0.0.1',
  init: true,
  stopTimeoutMs: 25_500,
  diskMb: 100,
  pidsLimit: 4096,
  log: { fileMb: 20, files: 3 },
};

describe('the body of a create call', () => {
  it('protects the host from a container as far as the engine can', () => {
    const features = engineFeatures({ Driver: 'btrfs', LoggingDriver: 'json-file' });
    expect(createOptions(spec, features)).toMatchObject({
      StopTimeout: 26,
      HostConfig: {
        NanoCpus: 500_000_000,
        Memory: 64_000_000,
        MemorySwap: 64_000_000,
        PidsLimit: 4096,
        StorageOpt: { size: '100000000' },
        LogConfig: { Type: 'json-file', Config: { 'max-size': '20m', 'max-file': '3' } },
      },
    });
  });

  it('publishes the ports of the host that the job has chosen, and lets the engine choose the others', () => {
    const ports = [
      { port: 80, protocol: 'tcp', hostPort: 8080 },
      { port: 53, protocol: 'udp' },
    ] as const;
    expect(createOptions({ ...spec, network: 'bridge', ports })).toMatchObject({
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      HostConfig: {
        PortBindings: {
          '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
          '53/udp': [{ HostIp: '127.0.0.1', HostPort: '' }],
        },
      },
    });
    expect(createOptions({ ...spec, network: 'host', ports }).HostConfig.PortBindings).toEqual({});
  });

  it('has no limit that the engine refuses', () => {
    const features = engineFeatures({
      Driver: 'overlay2',
      LoggingDriver: 'journald',
      CpuCfsQuota: false,
      SwapLimit: false,
      PidsLimit: false,
    });
    const { HostConfig } = createOptions(spec, features);
    for (const name of ['NanoCpus', 'MemorySwap', 'PidsLimit', 'StorageOpt', 'LogConfig'])
      expect(HostConfig).not.toHaveProperty(name);
    expect(HostConfig).toMatchObject({ Memory: 64_000_000 });
  });
});
