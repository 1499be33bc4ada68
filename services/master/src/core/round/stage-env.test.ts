import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import type { AssignmentWrite } from '@berth/store';
import { describe, expect, it } from 'vitest';
import { aJob, aMantisJob, aTask, limits, must } from '../../testing/fixtures.js';
import { TestCell } from '../../testing/test-cell.js';
import type { Limits } from '../task/limits.js';
import { planAssignments } from './assignments.js';
import { maxNeighbours } from './stage-env.js';

const job = aMantisJob({ stages: [3, 2, 1] });

/** The same job with the containers of all stages on that network. */
function onNetwork(network: string): JobRecord {
  const descriptor = must(job.descriptor);
  const containers = Object.entries(descriptor.containers).map(([id, container]) => [
    id,
    { ...container, parameters: { network } },
  ]);
  return { ...job, descriptor: { ...descriptor, containers: Object.fromEntries(containers) } };
}

function at(stage: number, slot: number, context: Record<string, string> = {}, state: State = State.RUNNING) {
  const agentId = context.agent ?? 'agent-1';
  const task = aTask({ job, stage, slot, workerNumber: stage * 10 + slot, state, agentId });
  const { agent: _agent, ...taskContext } = context;
  const published = must(task.task);
  return { ...task, task: { ...published, taskContext: { ...published.taskContext, ...taskContext } } };
}

/** The environment of the container that the agent is to run. */
function envIn(write: AssignmentWrite | undefined): Record<string, string> {
  return must(write?.assignment?.container).env;
}

function envOf(
  placed: TaskRecord,
  others: readonly TaskRecord[],
  api: Pick<Limits, 'apiUrl' | 'apiIsLoopback'> = {},
  ofJob = job,
) {
  const cell = new TestCell().putJob(ofJob).putTasks([...others]);
  const some = planAssignments(cell, new Map([[taskIdOf(placed), placed]]), { ...limits, ...api });
  return envIn(some[0]);
}

describe('the environment of a stage', () => {
  const placed = at(2, 1, {}, State.DISPATCHED);

  it('says which stage, index and number it is', () => {
    expect(envOf(placed, [])).toEqual({
      BERTH_STAGE: '2',
      BERTH_STAGE_COUNT: '3',
      BERTH_WORKER_INDEX: '1',
      BERTH_WORKER_NUMBER: '21',
      BERTH_PREVIOUS_STAGE: '',
      BERTH_NEXT_STAGE: '',
    });
  });

  it('names the live neighbours whose addresses are known, by index, as they are reached from there', () => {
    const env = envOf(placed, [
      at(1, 1, { agent: 'agent-2', 'task.containerIp': '172.17.0.9', 'task.hostPorts': '80:32768' }),
      at(1, 0, { 'task.containerIp': '172.17.0.2', 'task.hostPorts': '80:32001' }),
      at(1, 2, {}, State.STARTING),
      at(2, 0, { 'task.containerIp': '172.17.0.3' }),
      at(3, 0, { 'task.containerIp': '172.17.0.4' }, State.FINISHED),
    ]);
    expect(env.BERTH_PREVIOUS_STAGE).toBe('172.17.0.2:80,agent-2.example.org:32768');
    expect(env.BERTH_NEXT_STAGE).toBe('');
  });

  it('names no more than so many of them', () => {
    const many = Array.from({ length: maxNeighbours + 5 }, (_, slot) =>
      at(1, slot, { 'task.containerIp': `10.0.0.${slot}` }),
    );
    expect(envOf(placed, many).BERTH_PREVIOUS_STAGE?.split(',')).toHaveLength(maxNeighbours);
  });

  it('names the endpoint of stages, if containers can reach it', () => {
    expect(envOf(placed, [], { apiUrl: 'http://gateway:7180' }).BERTH_STAGES_ENDPOINT).toBe(
      `http://gateway:7180/api/v1/jobs/${job.id}/stages:watch?neighboursOf=2`,
    );
  });

  it('gives a loopback address only to containers on the host’s network', () => {
    const api = { apiUrl: 'http://127.0.0.1:7180', apiIsLoopback: true };
    const sent = (ofJob: JobRecord) => envOf(placed, [], api, ofJob).BERTH_STAGES_ENDPOINT;
    expect(sent(onNetwork('host'))).toBe(
      `http://127.0.0.1:7180/api/v1/jobs/${job.id}/stages:watch?neighboursOf=2`,
    );
    expect([job, onNetwork('bridge'), onNetwork('none')].map(sent)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('adds nothing to jobs without stages', () => {
    const plain = aJob();
    const task = aTask({ job: plain, state: State.DISPATCHED });
    const cell = new TestCell().putJob(plain);
    const [assignment] = planAssignments(cell, new Map([[taskIdOf(task), task]]), limits);
    expect(envIn(assignment)).toEqual({});
  });
});
