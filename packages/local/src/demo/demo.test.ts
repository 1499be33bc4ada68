import { State, type Task } from '@berth/client';
import { describe, expect, it } from 'vitest';
import { describeTask } from './demo.js';

function task(
  own: string,
  state: State,
  more: { reason?: string; context?: Record<string, string> } = {},
): Task {
  const { reason = '', context = {} } = more;
  return { id: `01a2.${own}`, taskContext: context, state: { state, reason }, stateChanges: [] };
}

describe('describeTask', () => {
  it("names a task by its own part of the id, with its state's name", () => {
    expect(describeTask(task('3-0', State.RUNNING))).toBe('task 3-0  RUNNING');
  });

  it('gives the reason of its end and the task that it replaces', () => {
    expect(describeTask(task('0-0', State.FINISHED, { reason: 'killed' }))).toBe(
      'task 0-0  FINISHED    killed',
    );
    const replacement = task('0-1', State.STARTING, { context: { 'task.resubmitOf': '01a2.0-0' } });
    expect(describeTask(replacement)).toMatch(/task 0-1 {2}STARTING +replaces 0-0$/);
  });
});
