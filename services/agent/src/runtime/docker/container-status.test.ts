import type Dockerode from 'dockerode';
import { describe, expect, it } from 'vitest';
import { statusOf, summaryOf } from './container-status.js';

const info = (State: Partial<Dockerode.ContainerInspectInfo['State']>) =>
  ({
    Config: { Labels: { 'berth.task': 't' } },
    State: { StartedAt: '', FinishedAt: '', ...State },
    HostConfig: { NetworkMode: 'none' },
    NetworkSettings: { Networks: {}, Ports: {} },
  }) as unknown as Dockerode.ContainerInspectInfo;

describe('the state of a container', () => {
  it.each([
    ['created', 'created'],
    ['configured', 'created'],
    ['running', 'running'],
    ['paused', 'running'],
    ['stopping', 'running'],
    ['stopped', 'exited'],
    ['dead', 'exited'],
  ])('%s of an engine is %s', (Status, state) => {
    expect(statusOf(info({ Status })).state).toBe(state);
  });

  it.each(['', 'unknown', 'zombie'])('%j is an error', (Status) => {
    expect(() => statusOf(info({ Status }))).toThrow(/no such state is known/);
  });

  it('keeps why a command did not start, but not why a host failed', () => {
    const command = 'exec: "nope": executable file not found in $PATH: unknown';
    const hook = 'error running hook #0: load library: x.so: no such file or directory';
    const created = { Status: 'created', ExitCode: 127 };
    expect(statusOf(info({ ...created, Error: command })).startError).toBe(command);
    expect(statusOf(info({ ...created, Error: hook })).startError).toBeUndefined();
  });
});

describe('the ports of a container', () => {
  const published = {
    '53/udp': [{ HostIp: '127.0.0.1', HostPort: '32769' }],
    '80/tcp': [
      { HostIp: '0.0.0.0', HostPort: '8080' },
      { HostIp: '::', HostPort: '8080' },
    ],
    '53/tcp': [{ HostIp: '127.0.0.1', HostPort: '32770' }],
    '9000/tcp': null,
  };
  const hostPorts = '53:32770,53:32769/udp,80:8080';

  it('stand once each, with a protocol other than TCP', () => {
    const running = info({ Status: 'running' });
    const settings = { ...running.NetworkSettings, Ports: published };
    const status = statusOf({ ...running, NetworkSettings: settings } as unknown as typeof running);
    expect(status.hostPorts).toBe(hostPorts);
  });

  it('are the same in the list of containers', () => {
    const Ports = Object.entries(published).flatMap(([port, bindings]) => {
      const [PrivatePort, Type] = port.split('/');
      const inside = { PrivatePort: Number(PrivatePort), Type };
      return (bindings ?? [inside]).map((binding) =>
        'HostPort' in binding ? { ...inside, PublicPort: Number(binding.HostPort) } : inside,
      );
    });
    const row = { Labels: {}, State: 'running', Ports, NetworkSettings: { Networks: {} } };
    expect(summaryOf(row as unknown as Dockerode.ContainerInfo).hostPorts).toBe(hostPorts);
  });

  it("are those of the host on the host's network", () => {
    const running = info({ Status: 'running' });
    const onHost = {
      ...running,
      Config: { ...running.Config, ExposedPorts: { '53/udp': {}, '80/tcp': {} } },
      HostConfig: { NetworkMode: 'host' },
    } as unknown as typeof running;
    expect(statusOf(onHost).hostPorts).toBe('53:53/udp,80:80');
  });
});
