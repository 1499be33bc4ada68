import { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AgentTestCell } from '../testing/cell.js';

describe('an agent that begins and finds no container', () => {
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

  it('does not start a task again that ran before', async () => {
    await cell.commit({ actor: 'master', writes: [record('j.0-0', 5), record('j.1-0', 0)] });
    await cell.assign('j.0-0');
    await cell.assign('j.1-0');
    await (await cell.startAgent()).ready;
    expect(await cell.endOf('j.0-0')).toMatchObject({ state: State.FAILED, code: 'systemError' });
    expect(await cell.reaches('j.1-0', 'RUNNING')).toBe(true);
    expect(await cell.containersOf()).toEqual(['j.1-0 running']);
  });
});
