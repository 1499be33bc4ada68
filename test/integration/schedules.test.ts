import { cli } from '@berth/cli/testing/harness';
import { ScheduleCalls } from '@berth/client';
import { type LocalCell, startCell } from '@berth/local/cell/local-cell';
import {
  type DeepPartial,
  JobClusterDescriptor,
  JobDescriptor,
  type MantisClusterSpec,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State } from '@berth/shared/model/task/task-state';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, isJobOver, simulated } from '../support/callers/jobs.js';
import { TitusCaller } from '../support/callers/titus-caller.js';
import { expectTenJobs, instancesOf, leaderOf, registerTenRuns } from '../support/cells/ten-runs.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

describe.skipIf(skipRedisTests !== false)('schedules over a real Redis, with simulated containers', () => {
  let cell: TestCell;
  let caller: TitusCaller;
  let calls: ScheduleCalls;

  beforeAll(async () => {
    cell = await TestCell.start({ masters: 2, gateways: 2 });
    caller = cell.caller();
    calls = new ScheduleCalls({
      addresses: [cell.address()],
      caller: { id: 'ada', email: 'ada@example.com' },
    });
  });
  afterAll(async () => {
    calls.close();
    await closeCleanly(cell);
  });

  const create = async (name: string, fields: DeepPartial<JobClusterDescriptor>) =>
    (
      await caller.call(
        methods.createJobCluster,
        JobClusterDescriptor.fromPartial({ name, clusterSpec: { $case: 'batch', value: {} }, ...fields }),
      )
    ).response.id;
  const scheduled = (labels: Record<string, string>, container = simulated({ runMs: 20 })) => ({
    jobDescriptor: JobDescriptor.fromPartial({ ...batch(container), labels }),
  });
  const liveJobs = async (clusterId: string) => {
    const query = { page: undefined, fiterlingCriteria: { jobClusterIds: clusterId }, fields: [] };
    const { items } = (await caller.call(methods.findJobs, query)).response;
    return items.filter((job) => !isJobOver(job));
  };

  it('runs each second for ten seconds while the leader changes: exactly ten jobs', async () => {
    const runs = await registerTenRuns(caller, 'ten', simulated({ runMs: 20 }));
    await waitFor(async () => (await instancesOf(caller, 'ten')).length >= 3);
    await cell.changeLeader();
    await expectTenJobs(caller, runs);
  });

  it('replaces a running job by the next, once the next runs', async () => {
    const labels = { 'berth.cronSpec': '*/2 * * * * *', 'berth.cronPolicy': 'KEEP_NEW' };
    const id = await create('replacing', scheduled(labels, simulated({})));
    const first = await waitFor(async () => (await liveJobs(id))[0]);
    const ended = await caller.until(first.id, isJobOver, 'is replaced');
    expect(ended.jobState).toMatchObject({ state: State.FINISHED });
    expect(ended.jobState?.reason).toMatch(/^killed/);
    await calls.pauseSchedule(id);
    await waitFor(async () => (await liveJobs(id)).length === 1);
    for (const { id: jobId } of await liveJobs(id)) await caller.kill(jobId);
  });

  it('keeps the minimum and the maximum of a Mantis cluster, through two gateways', async () => {
    const spec = (value: DeepPartial<MantisClusterSpec>) => ({ $case: 'mantis' as const, value });
    const value = { name: 'pipeline', jobSLA: {}, stages: [{ containerId: 'main' }] };
    const jobDescriptor = {
      containers: { main: simulated({}) },
      jobSpec: { $case: 'mantis' as const, value },
    };
    const id = await create('kept', { clusterSpec: spec({ min: 2, max: 3 }), jobDescriptor });
    await waitFor(async () => (await liveJobs(id)).length === 2);
    const submit = async (gateway: number) =>
      cell
        .caller(gateway)
        .create({}, { headers: { 'berth.jobClusterId': id } })
        .then(
          () => 'OK',
          (error) => status[error.code],
        );
    const outcomes = await Promise.all([0, 1, 0, 1].map(submit));
    expect(outcomes.toSorted()).toEqual(['OK', ...Array(3).fill('RESOURCE_EXHAUSTED')]);
    const [victim] = await liveJobs(id);
    await caller.kill(victim?.id ?? '');
    await waitFor(async () => (await liveJobs(id)).every((job) => job.id !== victim?.id));
    await caller.call(methods.updateJobClusterStatus, { id, enableStatus: false });
    await waitFor(async () => (await liveJobs(id)).length === 0);
    await caller.call(methods.updateJobClusterStatus, { id, enableStatus: true });
    await waitFor(async () => (await liveJobs(id)).length === 2);
    await caller.call(methods.updateJobClusterStatus, { id, enableStatus: false });
  });

  it('shows, pauses and resumes a schedule on the command line', async () => {
    const labels = { 'berth.cronSpec': '30 2 * * *', 'berth.cronTimeZone': 'Europe/Berlin' };
    const id = await create('nightly', scheduled(labels));
    const berth = (...args: string[]) => cli(['cluster', ...args, '--address', cell.address()]);
    const runs = await berth('fires', 'nightly', '--next', '2');
    expect(runs.out[0]).toMatch(/^RUNS AT +UTC +IN$/);
    expect(runs.out).toHaveLength(3);
    expect(runs.out[1]).toMatch(/ 02:30:00 \+0[12]:00 /);
    expect((await berth('pause', 'nightly')).out).toEqual([`${id}  paused`]);
    const paused = await berth('fires', 'nightly');
    expect(paused.err.join('\n')).toContain('none of these runs will start a job: the schedule is paused');
    expect((await berth('schedule', 'nightly')).out.join('\n')).toMatch(/Status +paused/);
    expect((await berth('resume', 'nightly')).out).toEqual([`${id}  resumed`]);
    expect((await calls.listFires(id, { count: 1 })).idleBecause).toBe('');
    expect((await berth('fires', 'nightly', '--next', '0')).exitCode).not.toBe(0);
  });
});

describe.skipIf(skipRedisTests !== false)('schedules in a cell of real processes', () => {
  let cell: LocalCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    const redis = process.env.BERTH_TEST_REDIS_SERVER;
    cell = await startCell({
      cell: 'schedules',
      runtime: 'simulated',
      counts: { master: 2 },
      ...(redis === undefined ? {} : { redisBinary: redis }),
    });
    caller = new TitusCaller(cell.api.grpc);
  });
  afterAll(async () => {
    caller?.close();
    await cell?.stop();
  });

  it('run each second for ten seconds across a SIGKILL of the leader: exactly ten jobs', async () => {
    const runs = await registerTenRuns(caller, 'ten', simulated({ runMs: 20 }));
    await waitFor(async () => (await instancesOf(caller, 'ten')).length >= 3);
    await cell.kill(await leaderOf(cell));
    await expectTenJobs(caller, runs);
  });
});
