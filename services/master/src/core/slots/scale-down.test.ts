import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aService, aTask, second, t0 } from '../../testing/fixtures.js';
import { pickScaleDown } from './scale-down.js';

const job = aService({ desired: 9 });
const task = (slot: number, state: State, fields: Parameters<typeof aTask>[0] = {}) =>
  aTask({ job, slot, state, agentId: `agent-${slot}`, ...fields });
const picked = (tasks: readonly TaskRecord[], count: number) =>
  pickScaleDown(tasks, count).map(({ slot }) => slot);

describe('scale-down', () => {
  it('takes slots that wait, then stopping, QUEUED, starting and running tasks, in that order', () => {
    const tasks = [
      task(0, State.RUNNING),
      task(1, State.STARTING),
      task(2, State.QUEUED),
      task(3, State.RUNNING, { record: { stop: { code: 'killed', text: '', atMs: t0 } } }),
      task(4, State.FAILED),
    ];
    expect(picked(tasks, 5)).toEqual([4, 3, 2, 1, 0]);
  });

  it('takes running tasks from the agent that has most of the job’s tasks', () => {
    const tasks = [
      task(0, State.RUNNING, { agentId: 'lonely' }),
      task(1, State.RUNNING, { agentId: 'crowded' }),
      task(2, State.RUNNING, { agentId: 'crowded' }),
    ];
    expect(picked(tasks, 1)).toEqual([2]);
  });

  it('takes from the zone with most tasks if agents have equally many', () => {
    const tasks = [
      task(0, State.RUNNING, { zone: 'b' }),
      task(1, State.RUNNING, { zone: 'b' }),
      task(2, State.RUNNING, { zone: 'a' }),
    ];
    expect(picked(tasks, 1)).toEqual([1]);
  });

  it('counts anew after each task that it takes', () => {
    const tasks = [0, 1, 2, 3].map((slot) => task(slot, State.RUNNING, { agentId: slot < 2 ? 'x' : 'y' }));
    const agents = pickScaleDown(tasks, 2).map(({ agentId }) => agentId);
    expect(agents.toSorted()).toEqual(['x', 'y']);
  });

  it('takes the task that started last among equals', () => {
    const tasks = [0, 1, 2].map((slot) =>
      task(slot, State.RUNNING, { record: { runningAtMs: t0 + (slot === 1 ? second : 0) } }),
    );
    expect(picked(tasks, 1)).toEqual([1]);
  });

  it('takes no task for a count of zero, and all for a greater count than there are', () => {
    const tasks = [task(0, State.RUNNING)];
    expect(picked(tasks, 0)).toEqual([]);
    expect(picked(tasks, 3)).toEqual([0]);
  });
});
