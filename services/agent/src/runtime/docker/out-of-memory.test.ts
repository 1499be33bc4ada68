import type Dockerode from 'dockerode';
import { describe, expect, it } from 'vitest';
import { mayHaveRunOutOfMemory } from './out-of-memory.js';

const limited = { HostConfig: { Memory: 16_000_000 } } as Dockerode.ContainerInspectInfo;
const unlimited = { HostConfig: { Memory: 0 } } as Dockerode.ContainerInspectInfo;
const killed = { taskId: 't', state: 'exited', exitCode: 137, oomKilled: false } as const;

describe('mayHaveRunOutOfMemory', () => {
  it('is true for a SIGKILL without a reason from Docker', () => {
    expect(mayHaveRunOutOfMemory(limited, killed)).toBe(true);
  });

  it.each([
    ['a container without a memory limit', unlimited, killed],
    ['one that Docker says ran out of memory', limited, { ...killed, oomKilled: true }],
    ['one that ended otherwise', limited, { ...killed, exitCode: 1 }],
    ['one that runs', limited, { taskId: 't', state: 'running' } as const],
  ])('does not doubt %s', (_, info, status) => {
    expect(mayHaveRunOutOfMemory(info, status)).toBe(false);
  });
});
