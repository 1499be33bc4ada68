import { cli } from '@berth/cli/testing/harness';
import {
  type JobInstance,
  JobState,
  JobServiceService as jobV1,
  LookupInstancesRequest,
} from '@berth/shared/gen/job/v1/job_service';
import {
  type Job,
  JobClusterDescriptor,
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { stateName } from '@berth/shared/model/task/task-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type BatchOptions,
  batch,
  codeIn,
  isJobOver,
  type SimBehaviour,
  simulated,
  stateOf,
} from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

const slowRetry = {
  $case: 'delayed',
  value: { initialDelayMs: 3_600_000, delayMs: 3_600_000, retries: 3 },
} as const;

interface Case {
  readonly behaviour?: SimBehaviour;
  readonly options?: BatchOptions;
  readonly labels?: Record<string, string>;
  readonly cpu?: string;
  /** The state of the first task at the moment of the kill; absent: nothing is killed. */
  readonly when?: string;
  readonly kill?: 'task' | 'job';
  readonly task: string;
  readonly job: string;
  readonly instance: JobState;
  readonly exitCode: number;
}

const killed = {
  task: 'FINISHED killed',
  job: 'FINISHED killed',
  instance: JobState.CANCELLED,
  exitCode: 143,
};

/** docs/outcomes.md explains the outcomes. */
const cases: Record<string, Case> = {
  'the kill of a task that waits for capacity': { cpu: '500', when: 'QUEUED', ...killed },
  'the kill of a task that starts': { behaviour: { startDelayMs: 1_500 }, when: 'STARTING', ...killed },
  'the kill of a task that runs': { when: 'RUNNING', ...killed },
  'the kill of a job that runs': { when: 'RUNNING', kill: 'job', ...killed },
  'the kill of a task that waits for its retry': {
    behaviour: { runMs: 20, exitCode: 3 },
    when: 'FAILED',
    task: 'FAILED failed',
    job: 'FAILED failed',
    instance: JobState.TERMINATED,
    exitCode: 3,
  },
  'the kill of a job that waits for its retry': {
    behaviour: { runMs: 20, exitCode: 3 },
    when: 'FAILED',
    kill: 'job',
    ...killed,
    task: 'FAILED failed',
  },
  'the runtime limit of a job that has retries': {
    options: { runtimeLimitSecs: 1 },
    task: 'FAILED runtimeLimitExceeded',
    job: 'FAILED failed',
    instance: JobState.TIMED_OUT,
    exitCode: 124,
  },
  'a failure of the host in a job of which nothing starts twice': {
    behaviour: { fail: 'host' },
    labels: { 'berth.retries': 'never' },
    task: 'FAILED systemError',
    job: 'FAILED failed',
    instance: JobState.TERMINATED,
    exitCode: 125,
  },
};

describe.skipIf(skipRedisTests !== false)('both APIs and the command agree on the outcome of', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  beforeAll(async () => {
    cell = await TestCell.start({ masterEnv: { BERTH_MASTER_KILL_GRACE: '100ms' } });
    caller = cell.caller();
  });
  afterAll(() => closeCleanly(cell));

  const register = async (name: string, { behaviour, options, labels = {}, cpu }: Case) => {
    const container = simulated(behaviour);
    const sized = cpu === undefined ? container : { ...container, resources: { cpu, memory: '32' } };
    const template = batch(sized, { retryPolicy: slowRetry, ...options });
    const descriptor = JobClusterDescriptor.fromPartial({
      name,
      jobDescriptor: JobDescriptor.fromPartial({
        ...template,
        labels: { ...labels, 'berth.description': name, 'berth.cronSpec': '0 6 1 1 *' },
      }),
      clusterSpec: { $case: 'batch', value: {} },
    });
    return (await caller.call(methods.createJobCluster, descriptor)).response.id;
  };
  const instanceOf = async (kind: string): Promise<JobInstance | undefined> => {
    const request = LookupInstancesRequest.fromPartial({ query: { kind } });
    return (await caller.call(jobV1.lookupInstances, request)).response.instances[0];
  };
  const reaches = (state: string) => (job: Job) =>
    job.tasks[0] !== undefined && stateName(stateOf(job.tasks[0])) === state;

  it.each(Object.entries(cases))('%s', async (name, given) => {
    const kind = name.replaceAll(' ', '-');
    const cluster = await register(kind, given);
    const command = cli(['run', '--cluster', cluster, '--address', cell.address()]);
    const { uuid: id } = await waitFor(() => instanceOf(kind), { what: 'the job is there' });
    if (given.when !== undefined) {
      const { tasks } = await caller.until(id, reaches(given.when), `has a task that is ${given.when}`);
      if (given.kill === 'job') await caller.kill(id);
      else await caller.killTask(tasks[0]?.id ?? '');
    }
    const job = await caller.until(id, isJobOver, 'ends');
    expect(job.tasks.map((task) => `${stateName(stateOf(task))} ${codeIn(task)}`)).toEqual([given.task]);
    expect(`${stateName(job.jobState?.state ?? 0)} ${codeIn(job)}`).toBe(given.job);
    expect((await instanceOf(kind))?.state).toBe(given.instance);
    expect((await command).exitCode).toBe(given.exitCode);
  });
});
