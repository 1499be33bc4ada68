import { describe, expect, it } from 'vitest';
import { TaskRecord } from '../../gen/berth/v1/store.js';
import { addressFrom, taskAddress } from './task-address.js';

const placed = (taskContext: Record<string, string>) =>
  taskAddress(TaskRecord.fromPartial({ agentId: 'a', task: { id: 't', taskContext } }));

describe('the address of a task', () => {
  const published = placed({
    'agent.host': 'h1',
    'task.containerIp': '172.17.0.2',
    'task.hostPorts': '8080:32768,9090:32769',
  });

  it('is the container’s own with its first port, for callers on the same agent', () => {
    expect(addressFrom(published, 'a')).toBe('172.17.0.2:8080');
  });

  it('is the host with the first published port, for all other callers', () => {
    expect(addressFrom(published, 'b')).toBe('h1:32768');
    expect(addressFrom(published)).toBe('h1:32768');
  });

  it('is the container’s address without a port if it publishes none', () => {
    const plain = placed({ 'agent.host': 'h1', 'task.containerIp': '172.17.0.2' });
    expect(addressFrom(plain, 'a')).toBe('172.17.0.2');
    expect(addressFrom(plain, 'b')).toBe('172.17.0.2');
  });

  it('is the host’s for all callers if the container shares its network', () => {
    expect(addressFrom(placed({ 'agent.host': 'h1', 'task.hostPorts': '80:80' }), 'a')).toBe('h1:80');
  });

  it('is empty until it is known', () => {
    expect(addressFrom(placed({ 'agent.host': 'h1' }), 'a')).toBe('');
    expect(placed({ 'task.hostPorts': 'what' }).hostPorts.size).toBe(0);
  });

  it('has the ports of TCP first, and those of other protocols beside them', () => {
    const { hostPorts } = placed({ 'task.hostPorts': '53:9053/udp,53:9054,60:9060/udp,80:9080' });
    expect([...hostPorts]).toEqual([
      [53, 9054],
      [80, 9080],
      [60, 9060],
    ]);
  });
});
