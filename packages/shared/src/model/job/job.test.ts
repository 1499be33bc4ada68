import { describe, expect, it } from 'vitest';
import { JobRecord, JobStatusRecord, TaskRecord } from '../../gen/berth/v1/store.js';
import { type DeepPartial, JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { State } from '../task/task-state.js';
import * as job from './job.js';

const descriptor = (spec: DeepPartial<JobDescriptor>) => JobDescriptor.fromPartial(spec);

describe('instancesOf', () => {
  it('fills in unset fields', () => {
    const unset = descriptor({ jobSpec: { $case: 'service', value: {} } });
    expect(job.instancesOf(unset)).toEqual({ min: 0, max: 2 ** 31 - 1, desired: 1 });
    const min = descriptor({ jobSpec: { $case: 'service', value: { instances: { min: 3 } } } });
    expect(job.instancesOf(min)).toMatchObject({ min: 3, desired: 3 });
  });

  it('keeps a desired count of 0', () => {
    const none = descriptor({ jobSpec: { $case: 'service', value: { instances: { desired: 0 } } } });
    expect(job.instancesOf(none).desired).toBe(0);
  });
});

describe('containerOf', () => {
  const containers = { a: { resources: { cpu: '1' } }, b: { resources: { cpu: '2' } } };

  it('finds the container that the job names', () => {
    const named = descriptor({ containers, jobSpec: { $case: 'batch', value: { containerId: 'b' } } });
    expect(job.containerOf(named)?.resources).toEqual({ cpu: '2' });
  });

  it('takes the only container if the job names none', () => {
    const only = descriptor({ containers: { a: containers.a }, jobSpec: { $case: 'batch', value: {} } });
    expect(job.containerOf(only)?.resources).toEqual({ cpu: '1' });
    expect(job.containerOf(descriptor({ containers }))).toBeUndefined();
  });

  it('finds none if the named container does not exist', () => {
    const wrong = descriptor({
      containers,
      jobSpec: { $case: 'batch', value: { containerId: 'constructor' } },
    });
    expect(job.containerOf(wrong)).toBeUndefined();
  });
});

describe('retryPolicyOf', () => {
  it('does not retry if the descriptor has no policy', () => {
    const none = descriptor({ jobSpec: { $case: 'batch', value: { retryPolicy: {} } } });
    expect(job.retryPolicyOf(none)).toEqual({ $case: 'immediate', value: { retries: 0 } });
  });
});

describe('jobGroupClaim', () => {
  it('distinguishes identities that would be equal when joined', () => {
    const claimOf = (stack: string, detail: string) =>
      job.jobGroupClaim(descriptor({ appName: 'app', jobGroupInfo: { stack, detail, sequence: '001' } }));
    expect(claimOf('a-b', 'c')).not.toBe(claimOf('a', 'b-c'));
  });

  it('claims nothing without a sequence', () => {
    expect(job.jobGroupClaim(descriptor({ appName: 'app', jobGroupInfo: { stack: 'a' } }))).toBeUndefined();
  });
});

describe('composeJob', () => {
  const record = JobRecord.fromPartial({ id: 'j', clusterId: 'default', descriptor: {}, createdAtMs: 0 });

  it('shows a job that the master has not seen yet as QUEUED since it was created', () => {
    expect(job.composeJob(record, undefined, [])).toMatchObject({
      id: 'j',
      jobState: { state: State.QUEUED },
      stateChanges: [{ state: 'QUEUED', timestamp: '1970-01-01T00:00:00.000Z' }],
    });
  });

  it('shows the state and tasks that the master has decided', () => {
    const status = JobStatusRecord.fromPartial({ state: { state: State.FAILED, reason: 'failed: 3' } });
    const composed = job.composeJob(record, status, [TaskRecord.fromPartial({ task: { id: 'j.0-0' } })]);
    expect(composed.jobState).toEqual({ state: State.FAILED, reason: 'failed: 3' });
    expect(composed.tasks.map((task) => task.id)).toEqual(['j.0-0']);
    expect(job.isJobLive(status)).toBe(false);
  });
});
