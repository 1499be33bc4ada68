import type Dockerode from 'dockerode';
import { describe, expect, it } from 'vitest';
import { statusOf } from './container-status.js';

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
