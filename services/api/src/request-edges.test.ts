import { AgentServiceService as agents } from '@berth/shared/gen/berth/v1/agent_service';
import { ScalingServiceService as scaling } from '@berth/shared/gen/berth/v1/scaling_service';
import { ScheduleServiceService as schedules } from '@berth/shared/gen/berth/v1/schedule_service';
import { StageServiceService as stages } from '@berth/shared/gen/berth/v1/stage_service';
import { type JobState, JobServiceService as kinds } from '@berth/shared/gen/job/v1/job_service';
import {
  JobClusterDescriptor,
  JobManagementServiceService as titus,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBatchJob, aServiceJob } from './testing/fixtures.js';
import { RunningGateway } from './testing/running-gateway.js';

let store: MemoryStore;
let gateway: RunningGateway;
let [jobId, clusterId] = ['', ''];

beforeAll(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store, { BERTH_API_WRITE_RATE: '0' });
  jobId = await gateway.create(aServiceJob());
  const descriptor = JobClusterDescriptor.fromPartial({
    name: 'nightly',
    owner: { ownerEmail: 'a@b', teamEmail: 'a@b' },
    clusterSpec: { $case: 'batch', value: {} },
    jobDescriptor: aBatchJob({ labels: { 'berth.cronSpec': '0 6 * * *' } }),
  });
  clusterId = (await gateway.call(titus.createJobCluster, descriptor)).response.id;
});
afterAll(async () => {
  await gateway.close();
  await store.close();
});

const uint32 = 2 ** 32 - 1;
const int32 = 2 ** 31 - 1;
const uint64 = Number.MAX_SAFE_INTEGER;

/** Sends the number in the field. Rejects if the gateway refuses it. */
type Send = (value: number) => Promise<unknown>;

const instances = (field: 'min' | 'max' | 'desired') => (value: number) => ({
  min: undefined,
  max: undefined,
  desired: undefined,
  [field]: value,
});
const setInstances =
  (field: 'min' | 'max' | 'desired'): Send =>
  (value) =>
    gateway.call(titus.updateJobInstances, { jobId, instances: instances(field)(value) });
const find =
  (field: 'pageNumber' | 'pageSize'): Send =>
  (value) =>
    gateway.call(titus.findJobs, {
      page: { pageNumber: 0, pageSize: 10, [field]: value },
      fiterlingCriteria: {},
      fields: [],
    });

describe.each<[field: string, send: Send, taken: readonly number[], refused: readonly number[]]>([
  [
    'page_size',
    (pageSize) => gateway.call(agents.listAgents, { pageSize, after: '' }),
    [0, 1, 2000],
    [2001, uint32],
  ],
  [
    'deadline_after_ms',
    (deadlineAfterMs) => gateway.call(agents.drainAgent, { id: 'none', deadlineAfterMs }),
    [0, 1, 30 * 24 * 3_600_000],
    [30 * 24 * 3_600_000 + 1, uint64],
  ],
  [
    'listen_ms',
    (listenMs) => gateway.call(scaling.explainScaling, { jobId, listenMs }),
    [0, 1, 30_000],
    [30_001, uint32],
  ],
  [
    'count',
    (count) => gateway.call(schedules.listFires, { clusterId, count, afterMs: 0 }),
    [0, 1, 1000],
    [1001, uint32],
  ],
  [
    'after_ms',
    (afterMs) => gateway.call(schedules.listFires, { clusterId, count: 1, afterMs }),
    [0, 1, Date.UTC(9999, 0)],
    [Date.UTC(10_000, 0), uint64],
  ],
  [
    'stage',
    (stage) =>
      gateway.call(stages.updateStageInstances, { jobId, stage, instances: instances('desired')(1) }),
    [0],
    [1, uint32],
  ],
  ['instances', setInstances('desired'), [0, 1, 10_000], [10_001, uint32]],
  ['instances', setInstances('max'), [int32], [0, uint32]],
  ['instances', setInstances('min'), [0], [uint32]],
  ['page.pageSize', find('pageSize'), [1, 1000], [-1, -int32]],
  ['page.pageNumber', find('pageNumber'), [0, int32], [-1, -int32]],
  [
    'priority',
    (priority) => gateway.call(kinds.scheduleJob, { kind: 'nightly', arguments: [], priority }),
    [-1, 0, 1000],
    [-2, 1001, int32, -int32],
  ],
  [
    'query.state',
    (state) => gateway.call(kinds.lookupInstances, { query: { state: state as JobState } }),
    [0, 1, 127],
    [-1, 128, int32, -int32],
  ],
])('the number in %s', (field, send, taken, refused) => {
  it.each(taken)('may be %d', async (value) => {
    const code = await send(value).then(
      () => status.OK,
      ({ code: refusal }: { readonly code: number }) => refusal,
    );
    expect([status.OK, status.NOT_FOUND]).toContain(code);
  });

  it.each(refused)('may not be %d, and the refusal names it', async (value) => {
    await expect(send(value)).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(field),
    });
  });
});
