import { AgentState } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { aJob, aService, must, second } from './testing/fixtures.js';
import { TestStage } from './testing/test-stage.js';

const taskId = 'job-1.0-0';
const agentTimeoutMs = 20 * second;

async function running(stage: TestStage, id = taskId) {
  await stage.report(id, State.STARTING);
  await stage.report(id, State.RUNNING);
}

describe('a master', () => {
  it('creates a task of a committed job, places it and assigns it to the agent', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    expect(stage.taskState(taskId)?.state).toBe(State.DISPATCHED);
    expect(stage.jobState()?.state).toBe(State.DISPATCHED);
    expect(await stage.assignments()).toMatchObject([{ taskId, jobId: 'job-1', stop: undefined }]);
  });

  it('follows reports to the end of the task and of its job, and acknowledges them', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    await running(stage);
    expect(stage.taskState(taskId)?.state).toBe(State.RUNNING);
    expect(stage.jobState()?.state).toBe(State.RUNNING);
    await stage.report(taskId, State.FAILED, { code: 'failed', text: 'exit code 3' });
    expect(stage.taskState(taskId)).toEqual({ state: State.FAILED, reason: 'failed: exit code 3' });
    expect(stage.jobState()?.state).toBe(State.FAILED);
    expect(await stage.assignments()).toEqual([]);
    expect(must(link.requests.at(-1)).ackReportsThrough).toBe('3-0');
    expect(await stage.store.openReportInbox().readReports('0', 10, 0)).toEqual([]);
  });

  it('lets tasks wait, with the reason, until an agent with capacity comes', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.submit(aJob());
    expect(stage.taskState(taskId)).toEqual({
      state: State.QUEUED,
      reason: 'waiting: there is no live agent',
    });
    await stage.register({ cpuMillis: 100 });
    expect(stage.taskState(taskId)?.state).toBe(State.QUEUED);
    await stage.register({ id: 'agent-2' });
    expect(stage.taskState(taskId)).toEqual({ state: State.DISPATCHED, reason: '' });
  });

  it('gives the capacity of an ended task to the next waiting task', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register({ cpuMillis: 1000 });
    await stage.submit(aJob({ desired: 2 }));
    expect(stage.taskState('job-1.1-0')?.state).toBe(State.QUEUED);
    await stage.report(taskId, State.FINISHED);
    expect(stage.taskState('job-1.1-0')?.state).toBe(State.DISPATCHED);
  });

  it('places a queue that is longer than one commit may be', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    for (const id of ['job-a', 'job-b', 'job-c']) await stage.submit(aJob({ id, desired: 500 }));
    await stage.until('all wait', () => stage.replica.count('task') === 1500);
    await stage.register({ cpuMillis: 1e7, memoryMb: 1e7 });
    const placed = () => [...stage.replica.all('task')].filter(({ record }) => record.agentId !== '').length;
    await stage.until('all are placed', () => placed() === 1500);
    expect(await stage.assignments()).toHaveLength(1500);
  });

  it('stops a task that a caller wants to stop, and names its end after that', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    await running(stage);
    await stage.killTask(taskId);
    expect(await stage.assignments()).toMatchObject([{ taskId, stop: { code: 'killed' } }]);
    await stage.report(taskId, State.FAILED, { stopped: true, code: 'failed', text: 'SIGTERM' });
    expect(stage.taskState(taskId)).toEqual({ state: State.FINISHED, reason: 'killed' });
    expect(stage.jobState()?.state).toBe(State.FINISHED);
  });

  it('removes stop requests of tasks that have left', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.killTask('job-9.0-0');
    expect(stage.replica.count('taskStop')).toBe(0);
  });

  it('replaces a service task after its delay', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register();
    await stage.submit(aService());
    await stage.report(taskId, State.FAILED);
    expect(stage.replica.count('task')).toBe(1);
    await stage.advance(second);
    expect(stage.taskState('job-1.0-1')?.state).toBe(State.DISPATCHED);
  });

  it('gives up a task that its agent never begins to start', async () => {
    const stage = await TestStage.open();
    await stage.startMaster({ BERTH_MASTER_STUCK_DISPATCHED: '60s' });
    await stage.register();
    await stage.submit(aJob());
    await stage.advance(59 * second);
    expect(stage.taskState(taskId)?.state).toBe(State.DISPATCHED);
    await stage.advance(2 * second);
    expect(stage.taskState(taskId)?.reason).toMatch(/^stuckInState: /);
    await stage.advance(2 * second);
    expect(stage.taskState('job-1.0-1')?.state).toBe(State.DISPATCHED);
  });

  it('replaces the tasks of an agent that falls silent, on another agent', async () => {
    const stage = await TestStage.open();
    await stage.startMaster();
    await stage.register();
    await stage.submit(aService());
    await running(stage);
    await stage.register({ id: 'agent-2' });
    await stage.advance(agentTimeoutMs);
    stage.beating.delete('agent-1');
    await stage.advance(agentTimeoutMs - second);
    expect(stage.taskState(taskId)?.state).toBe(State.RUNNING);
    await stage.advance(4 * second);
    expect(stage.taskState(taskId)?.reason).toBe('agentLost: agent agent-1 was lost');
    expect(await stage.assignments()).toEqual([]);
    expect(await stage.assignments('agent-2')).toMatchObject([{ taskId: 'job-1.0-1' }]);
    stage.beating.add('agent-1');
    await stage.advance(2 * second);
    expect(stage.replica.find('agentStatus', 'agent-1')?.record.state).toBe(AgentState.ALIVE);
  });

  it('moves a finished job into the archive when its time is over', async () => {
    const stage = await TestStage.open();
    await stage.startMaster({ BERTH_MASTER_FINISHED_RETENTION: '30s' });
    await stage.register();
    await stage.submit(aJob());
    await stage.report(taskId, State.FINISHED);
    await stage.advance(31 * second);
    expect([
      stage.replica.count('job'),
      stage.replica.count('task'),
      stage.replica.count('jobStatus'),
    ]).toEqual([0, 0, 0]);
    expect([...must(await stage.store.findArchived('job-1')).keys()].toSorted()).toEqual([
      'job',
      'jobStatus',
      `task/${taskId}`,
    ]);
  });

  it('keeps no more finished jobs than it may, the newest ones', async () => {
    const stage = await TestStage.open();
    await stage.startMaster({ BERTH_MASTER_MAX_FINISHED_JOBS: '2' });
    await stage.register();
    for (const id of ['job-a', 'job-b', 'job-c']) {
      await stage.submit(aJob({ id }));
      await stage.report(`${id}.0-0`, State.FINISHED);
    }
    await stage.until('one job has left', () => stage.replica.count('job') === 2);
    expect([...stage.replica.all('job')].map(({ id }) => id)).toEqual(['job-b', 'job-c']);
  });

  it('is idle when there is nothing to do', async () => {
    const stage = await TestStage.open();
    const { link } = await stage.startMaster();
    await stage.register();
    await stage.submit(aJob());
    await running(stage);
    const { length } = link.requests;
    await stage.advance(60 * second);
    expect(link.requests).toHaveLength(length);
  });

  it('reports its health and its metrics to load balancers and operators', async () => {
    const stage = await TestStage.open();
    const { master } = await stage.startMaster();
    const health = await fetch(`http://127.0.0.1:${master.httpPort}/healthz`);
    expect([health.status, (await health.text()).trim()]).toEqual([200, 'ok']);
    const metrics = await (await fetch(`http://127.0.0.1:${master.httpPort}/metrics`)).text();
    expect(metrics).toMatch(/berth_master_leader\{[^}]*\} 1/);
  });
});
