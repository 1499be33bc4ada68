import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, anAgent, aTask, limits, t0 } from '../../testing/fixtures.js';
import { assignTask } from './assign-task.js';

const placed = assignTask(aTask({ job: aJob() }), anAgent({ id: 'agent-7', zone: 'b' }), t0, limits);

describe('placing a task', () => {
  it('makes it DISPATCHED, with the agent in its context', () => {
    expect(placed).toMatchObject({ agentId: 'agent-7', deadlineAtMs: t0 + limits.stuckDispatchedMs });
    expect(placed.task?.state).toEqual({ state: State.DISPATCHED, reason: '' });
    expect(placed.task?.taskContext).toMatchObject({
      'agent.id': 'agent-7',
      'agent.zone': 'b',
      'agent.host': 'agent-7.example.org',
      'task.index': '0',
    });
  });

  it('names the address of the host, as the agent registered it', () => {
    const at = (grpcAddress: string) =>
      assignTask(aTask(), { ...anAgent(), grpcAddress }, t0, limits).task?.taskContext['task.hostAddress'];
    expect(at('10.0.0.7:7304')).toBe('10.0.0.7');
    expect(at('[fd00::7]:7304')).toBe('fd00::7');
    expect(at('')).toBeUndefined();
  });

  it('leaves out attributes that the agent does not have', () => {
    expect(Object.keys(placed.task?.taskContext ?? {})).not.toContain('agent.region');
  });
});
