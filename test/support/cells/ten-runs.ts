import type { LocalCell } from '@berth/local/cell/local-cell';
import { ScheduleServiceService as schedules } from '@berth/shared/gen/berth/v1/schedule_service';
import { FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { type JobInstance, JobState, JobServiceService as jobV1 } from '@berth/shared/gen/job/v1/job_service';
import {
  JobClusterDescriptor,
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { expect } from 'vitest';
import { batch } from '../callers/jobs.js';
import type { TitusCaller } from '../callers/titus-caller.js';
import { waitFor } from '../process/wait-for.js';

const count = 10;
const secondMs = 1000;
/** The time between the creation of the cluster and the first run. */
const leadMs = 4 * secondMs;
const timeoutMs = 60_000;

export interface TenRuns {
  readonly clusterId: string;
  readonly kind: string;
  readonly firesAtMs: readonly number[];
}

/**
 * Registers a kind with a schedule of ten runs, one each second, soon from now; the next run is a year later.
 */
export async function registerTenRuns(
  caller: TitusCaller,
  kind: string,
  container: Parameters<typeof batch>[0],
): Promise<TenRuns> {
  const firstMs = firstRunMs(Date.now() + leadMs);
  const first = new Date(firstMs);
  const second = first.getUTCSeconds();
  const cron = [
    `${second}-${second + count - 1}`,
    first.getUTCMinutes(),
    first.getUTCHours(),
    first.getUTCDate(),
    first.getUTCMonth() + 1,
    '*',
  ].join(' ');
  const jobDescriptor = JobDescriptor.fromPartial({
    ...batch(container),
    labels: { 'berth.cronSpec': cron, 'berth.startingDeadlineSecs': '60' },
  });
  const clusterSpec = { $case: 'batch' as const, value: {} };
  const descriptor = JobClusterDescriptor.fromPartial({ name: kind, jobDescriptor, clusterSpec });
  const { id: clusterId } = (await caller.call(methods.createJobCluster, descriptor)).response;
  return { clusterId, kind, firesAtMs: Array.from({ length: count }, (_, n) => firstMs + n * secondMs) };
}

/** Returns the next full second with ten more seconds in the same minute. */
function firstRunMs(fromMs: number): number {
  const atMs = Math.ceil(fromMs / secondMs) * secondMs;
  const second = new Date(atMs).getUTCSeconds();
  return second + count <= 60 ? atMs : atMs + (60 - second) * secondMs;
}

/** Returns the process of the leading master, in a cell of two. */
export async function leaderOf({ ports }: Pick<LocalCell, 'ports'>): Promise<'master' | 'master-2'> {
  const answer = await fetch(`http://127.0.0.1:${ports.masterHttp}/metrics`);
  return /^berth_master_leader\b.* 1$/m.test(await answer.text()) ? 'master' : 'master-2';
}

export async function instancesOf(caller: TitusCaller, kind: string): Promise<readonly JobInstance[]> {
  return (await caller.call(jobV1.lookupInstances, { query: { kind } })).response.instances;
}

/**
 * Resolves when all ten runs are decided and their jobs have ended. Fails unless each run was exactly one
 * job.
 */
export async function expectTenJobs(
  caller: TitusCaller,
  { clusterId, kind, firesAtMs }: TenRuns,
): Promise<void> {
  await waitFor(
    async () =>
      (await instancesOf(caller, kind)).filter(({ state }) => state === JobState.COMPLETED).length >= count,
    { what: `ten jobs of ${kind} have ended well`, timeoutMs, intervalMs: 50 },
  );
  const { schedule } = (await caller.call(schedules.getSchedule, { clusterId })).response;
  const runs = schedule?.lastFires ?? [];
  expect(runs.map(({ atMs, outcome }) => [atMs, outcome])).toEqual(
    firesAtMs.map((atMs) => [atMs, FireOutcome.STARTED]),
  );
  const instances = await instancesOf(caller, kind);
  expect(instances.map(({ uuid }) => uuid).toSorted()).toEqual(runs.map(({ jobId }) => jobId).toSorted());
  // A second job of a run would be another job with the same time.
  expect(new Set(instances.map(({ uuid }) => uuid)).size).toBe(count);
  expect(schedule?.nextFireAtMs).toBeGreaterThan(Date.now() + 300 * 86_400_000);
}
