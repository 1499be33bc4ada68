import { Assignment, type Resources } from '@berth/shared/gen/berth/v1/store';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { describe, expect, it } from 'vitest';
import { shortfallOf, UsedCapacity } from './admission.js';

const amounts = (some: Partial<Resources>): Resources => ({ ...zeroResources(), ...some });
const task = (resources: Partial<Resources>, gpus = ''): Assignment =>
  Assignment.fromPartial({
    taskId: 'j.0-0',
    resources: amounts(resources),
    taskContext: gpus === '' ? {} : { 'task.gpus': gpus },
  });
const capacity = amounts({ cpuMillis: 4000, memoryMb: 1000, gpuMillis: 2000, ports: 2, eni: 1 });

function takenBy(...tasks: Assignment[]): UsedCapacity {
  const taken = new UsedCapacity();
  for (const each of tasks) taken.add(each);
  return taken;
}

describe('an agent', () => {
  it('takes tasks until its capacity is used up', () => {
    expect(
      shortfallOf(task({ cpuMillis: 4000, memoryMb: 1000, ports: 2, eni: 1 }), takenBy(), capacity),
    ).toBeUndefined();
    expect(
      shortfallOf(task({ cpuMillis: 1000 }), takenBy(task({ cpuMillis: 3000 })), capacity),
    ).toBeUndefined();
  });

  it('names every resource that is short', () => {
    const taken = takenBy(task({ cpuMillis: 3500, memoryMb: 200 }));
    expect(shortfallOf(task({ cpuMillis: 1000, memoryMb: 900, diskMb: 5, eni: 2 }), taken, capacity)).toBe(
      'the agent lacks cpu (1 asked for, 0.5 free), memory (900 MB asked for, 800 MB free), ' +
        'disk (5 MB asked for, 0 MB free), network interfaces (2 asked for, 1 free)',
    );
  });

  it('gives a port of the host to one task only', () => {
    const withPorts = (ports: string, taskId: string, parameters = {}) =>
      Assignment.fromPartial({
        ...task({ ports: 1 }),
        taskId,
        container: { resources: { ports }, parameters },
      });
    const taken = takenBy(withPorts('8080:80', 'j.0-0'));
    expect(shortfallOf(withPorts('8080', 'k.0-0'), taken, capacity)).toBeUndefined();
    expect(shortfallOf(withPorts('8080:80/udp', 'k.0-0'), taken, capacity)).toBeUndefined();
    const refused = 'the agent lacks port 8080/tcp (taken by j.0-0)';
    expect(shortfallOf(withPorts('8080:1', 'k.0-0'), taken, capacity)).toBe(refused);
    expect(shortfallOf(withPorts('8080', 'k.0-0', { network: 'host' }), taken, capacity)).toBe(refused);
    const onHost = new UsedCapacity('host');
    onHost.add(withPorts('80', 'j.0-0'));
    expect(shortfallOf(withPorts('80', 'k.0-0'), onHost, capacity)).toContain('port 80/tcp');
  });

  it('checks each GPU by itself', () => {
    expect(shortfallOf(task({ gpuMillis: 2000 }, '0,1'), takenBy(), capacity)).toBeUndefined();
    expect(shortfallOf(task({ gpuMillis: 1000 }, '2'), takenBy(), capacity)).toBe(
      'the agent lacks GPU 2 (there are 2)',
    );
    const half = task({ gpuMillis: 500 }, '1');
    expect(shortfallOf(half, takenBy(half), capacity)).toBeUndefined();
    expect(shortfallOf(task({ gpuMillis: 600 }, '1'), takenBy(half), capacity)).toBe(
      'the agent lacks capacity on GPU 1',
    );
  });
});
