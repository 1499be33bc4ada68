import {
  CancelInstancesRequest,
  type JobInstance,
  JobState,
  JobServiceService as jobV1,
  LookupInstancesRequest,
  ScheduleJobRequest,
} from '@berth/shared/gen/job/v1/job_service';
import {
  JobClusterDescriptor,
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BatchOptions, batch, shell } from '../support/callers/jobs.js';
import { DockerCell, skipCellTests } from '../support/cells/docker-cell.js';

const ended = (JobState.COMPLETED |
  JobState.TERMINATED |
  JobState.TIMED_OUT |
  JobState.CANCELLED) as JobState;

describe.skipIf(skipCellTests !== false)('registered kinds on a real Docker engine', () => {
  let cell: DockerCell;

  beforeAll(async () => {
    cell = await DockerCell.start({ env: { master: { BERTH_MASTER_KILL_GRACE: '500ms' } } });
  });
  afterAll(() => cell?.stop());

  const register = async (name: string, container: ReturnType<typeof shell>, options?: BatchOptions) => {
    const jobDescriptor = JobDescriptor.fromPartial(batch(container, options));
    const clusterSpec = { $case: 'batch' as const, value: {} };
    const descriptor = JobClusterDescriptor.fromPartial({ name, jobDescriptor, clusterSpec });
    await cell.caller.call(methods.createJobCluster, descriptor);
  };
  const schedule = async (kind: string, ...given: string[]) => {
    const request = ScheduleJobRequest.fromPartial({ kind, arguments: given });
    const { instance } = (await cell.caller.call(jobV1.scheduleJob, request)).response;
    return instance?.uuid ?? '';
  };
  const until = (uuid: string, state: JobState): Promise<JobInstance> => {
    const request = LookupInstancesRequest.fromPartial({ query: { uuid, state } });
    return cell.until(`instance ${uuid} is in state ${state}`, async () => {
      return (await cell.caller.call(jobV1.lookupInstances, request)).response.instances[0];
    });
  };

  it('get their arguments, and return their results', async () => {
    // The words after the command line of a shell are its $0, $1 and so on.
    await register('echo', shell('for word in "$0" "$@"; do echo "$word" >> "$BERTH_RESULTS"; done'));
    const uuid = await schedule('echo', 'two words', '$HOME', '--flag');
    expect(await until(uuid, ended)).toMatchObject({
      state: JobState.COMPLETED,
      arguments: ['two words', '$HOME', '--flag'],
      results: ['two words', '$HOME', '--flag'],
      attempts: 1,
    });
  });

  it('return their results also as a user without other write access', async () => {
    const securityProfile = { user: '65534:65534', readOnlyRootfs: 'true' };
    await register('nobody', shell('id -u > "$BERTH_RESULTS"; ! touch /anything', { securityProfile }));
    expect(await until(await schedule('nobody'), ended)).toMatchObject({
      state: JobState.COMPLETED,
      results: ['65534'],
    });
  });

  it('report their failure, and the results until then', async () => {
    const retryPolicy = { $case: 'immediate' as const, value: { retries: 1 } };
    await register('broken', shell('echo so far > "$BERTH_RESULTS"; exit 3'), { retryPolicy });
    expect(await until(await schedule('broken'), ended)).toMatchObject({
      state: JobState.TERMINATED,
      error: 'failed: exit code 3',
      results: ['so far'],
      attempts: 2,
    });
  });

  it('end at their runtime limit, and when they are cancelled', async () => {
    await register('late', shell('sleep 600'), { runtimeLimitSecs: 1 });
    await register('endless', shell('sleep 600'));
    const [late, endless] = [await schedule('late'), await schedule('endless')];
    await until(endless, JobState.PROCESSING);
    const request = CancelInstancesRequest.fromPartial({ query: { kind: 'endless' } });
    const { instances } = (await cell.caller.call(jobV1.cancelInstances, request)).response;
    expect(instances.map(({ uuid }) => uuid)).toEqual([endless]);
    expect(await until(endless, ended)).toMatchObject({ state: JobState.CANCELLED });
    const timedOut = await until(late, ended);
    expect([timedOut.state, timedOut.error]).toEqual([
      JobState.TIMED_OUT,
      expect.stringMatching(/^runtimeLimitExceeded/),
    ]);
    await cell.until('no container is left', async () => {
      const names = await cell.containers();
      return !names.some((name) => name.startsWith(endless) || name.startsWith(late));
    });
  });
});
