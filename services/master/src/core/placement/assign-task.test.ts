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

  it('leaves out attributes that the agent does not have', () => {
    expect(Object.keys(placed.task?.taskContext ?? {})).not.toContain('agent.region');
  });
});
