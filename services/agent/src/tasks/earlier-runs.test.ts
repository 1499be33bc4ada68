import { Assignment, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentTestCell } from '../testing/cell.js';

describe('an agent that finds no container', () => {
  let cell: AgentTestCell;
  beforeEach(() => {
    cell = new AgentTestCell();
  });
  afterEach(() => cell.close());

  const record = (id: string, runningAtMs: number) => ({
    kind: 'task' as const,
    id,
    record: TaskRecord.fromPartial({ task: { id }, jobId: 'j', agentId: 'a', runningAtMs }),
  });

  it('does not start a task again that ran before its process', async () => {
    await cell.commit({ actor: 'master', writes: [record('j.0-0', 5), record('j.1-0', 0)] });
    await cell.assign('j.0-0');
    await cell.assign('j.1-0');
    await (await cell.startAgent()).ready;
    expect(await cell.endOf('j.0-0')).toMatchObject({ state: State.FAILED, code: 'systemError' });
    expect(await cell.reaches('j.1-0', 'RUNNING')).toBe(true);
    expect(await cell.containersOf()).toEqual(['j.1-0 running']);
  });

  it('does not start a task again that comes back with a store that was set back', async () => {
    await (await cell.startAgent()).ready;
    const appear = (taskId: string, runningAtMs: number) =>
      cell.commit({
        actor: 'master',
        writes: [record(taskId, runningAtMs)],
        // No change is announced to the agent: it finds the assignment when it reads all of them.
        assignments: [{ agentId: 'a', taskId, assignment: assignmentOf(taskId), feed: 'another' }],
      });
    await appear('j.0-0', 5);
    await appear('j.1-0', 0);
    expect(await cell.endOf('j.0-0')).toMatchObject({ state: State.FAILED, code: 'systemError' });
    expect(await cell.reaches('j.1-0', 'RUNNING')).toBe(true);
    expect(await cell.containersOf()).toEqual(['j.1-0 running']);
  });

  const assignmentOf = (taskId: string) =>
    Assignment.fromPartial({
      taskId,
      jobId: 'j',
      container: { image: { name: 'app:1' } },
      resources: { cpuMillis: 100, memoryMb: 64 },
      killGraceMs: 60,
    });
});
