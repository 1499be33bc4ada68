import { aDescriptor } from '@berth/api/testing/descriptors';
import { aMutant, aMutantDescriptor } from '@berth/api/testing/mutants';
import {
  PlanRequest,
  PlacementServiceService as placement,
} from '@berth/shared/gen/berth/v1/placement_service';
import {
  JobClusterDescriptor,
  JobInstancesUpdate,
  JobQuery,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { isServiceError } from '@berth/shared/rpc/errors/status';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batch, codeIn, isJobOver, simulated } from '../support/callers/jobs.js';
import type { TitusCaller } from '../support/callers/titus-caller.js';
import { closeCleanly, TestCell } from '../support/cells/test-cell.js';
import { skipRedisTests } from '../support/process/redis.js';
import { waitFor } from '../support/process/wait-for.js';

/** The allowed answers to any request: success, or the fault of the request. */
const answers: readonly number[] = [
  status.OK,
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  // A live job has the same name, or its cluster is full.
  status.RESOURCE_EXHAUSTED,
  status.NOT_FOUND,
];
/** How many are under way at a time. */
const lanes = 16;

const createBytes = { ...methods.createJob, requestSerialize: (bytes: Buffer) => bytes };

describe.skipIf(skipRedisTests !== false)('a complete cell that gets random descriptors', () => {
  let cell: TestCell;
  let caller: TitusCaller;

  beforeAll(async () => {
    cell = await TestCell.start({
      agents: 3,
      gatewayEnv: { BERTH_API_WRITE_RATE: '0', BERTH_IMAGE_RESOLUTION: 'off' },
      agentEnv: { BERTH_AGENT_GPUS: '2', BERTH_AGENT_GPU_DRIVER: 'none', BERTH_AGENT_ATTRIBUTES: 'zone=a' },
    });
    caller = cell.caller();
  });
  afterAll(() => closeCleanly(cell));

  const codeOf = (call: Promise<unknown>): Promise<number> =>
    call.then(
      () => status.OK,
      (error: unknown) => (isServiceError(error) ? error.code : status.UNKNOWN),
    );

  /** Sends all of them, and checks each answer. The message of a failure holds its seed. */
  async function sendAll<T>(values: fc.Arbitrary<T>, count: number, send: (value: T) => Promise<unknown>) {
    const seed = Date.now() & 0x7fff_ffff;
    const sample = fc.sample(values, { numRuns: count, seed });
    const codes = new Map<number, number>();
    const lane = async (first: number) => {
      for (let index = first; index < sample.length; index += lanes) {
        const code = await codeOf(send(sample[index] as T));
        codes.set(code, (codes.get(code) ?? 0) + 1);
        expect(answers, `sample ${index} of seed ${seed} was answered ${status[code]}`).toContain(code);
      }
    };
    await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)));
    return codes;
  }

  /** Kills all live jobs, and resolves once none is left. */
  async function killAll(): Promise<void> {
    const query = JobQuery.fromPartial({
      page: { pageNumber: 0, pageSize: 1000 },
      fiterlingCriteria: { jobState: 'QUEUED,DISPATCHED,STARTING,RUNNING' },
      fields: ['id'],
    });
    const nothingLives = async () => {
      const { items } = (await caller.call(methods.findJobs, query)).response;
      if (items.length > 0) await caller.call(methods.killJobs, { id: items.map(({ id }) => id) });
      return items.length === 0;
    };
    await waitFor(nothingLives, { what: 'all jobs have ended', timeoutMs: 60_000, intervalMs: 100 });
  }

  const stillWorks = async () => {
    const id = await caller.create(batch(simulated({ runMs: 0 })));
    expect(codeIn(await caller.until(id, isJobOver, 'ends'))).toBe('normal');
    expect(cell.errors()).toEqual([]);
    expect(cell.masters[0]?.isLeading()).toBe(true);
  };

  it('answers each descriptor and runs the accepted ones, which end when they are killed', {
    timeout: 180_000,
  }, async () => {
    const ids: string[] = [];
    const create = async (bytes: Buffer) => {
      ids.push((await caller.call(createBytes, bytes)).response.id);
    };
    const codes = await sendAll(aMutant, 800, create);
    // Neither is left untried.
    expect(codes.get(status.OK)).toBeGreaterThan(100);
    expect(codes.get(status.INVALID_ARGUMENT)).toBeGreaterThan(100);
    await sendAll(aDescriptor, 300, (one) => caller.call(methods.createJob, one));
    const update = fc.record({
      jobId: fc.constantFrom(...ids, 'nothing'),
      instances: fc.record({
        min: fc.constantFrom(0, 1, 5, 2 ** 32 - 1),
        max: fc.constantFrom(0, 3, 10, 2 ** 32 - 1),
        desired: fc.constantFrom(0, 1, 4, 20_000),
      }),
    });
    await sendAll(update, 200, (one) =>
      caller.call(methods.updateJobInstances, JobInstancesUpdate.fromPartial(one)),
    );
    await killAll();
    await stillWorks();
  });

  it('plans each descriptor, and creates clusters from them with jobs that run or are refused', {
    timeout: 180_000,
  }, async () => {
    await sendAll(aMutantDescriptor, 100, (value) =>
      caller.call(placement.plan, PlanRequest.fromPartial({ what: { $case: 'job', value } })),
    );
    await sendAll(aMutantDescriptor, 100, async (jobDescriptor) => {
      const kind = jobDescriptor.jobSpec?.$case ?? 'batch';
      const cluster = JobClusterDescriptor.fromPartial({
        name: 'random',
        owner: { ownerEmail: 'ada@example.com', teamEmail: 'ada@example.com' },
        jobDescriptor,
        clusterSpec: { $case: kind, value: {} },
      });
      const { id } = (await caller.call(methods.createJobCluster, cluster)).response;
      if (kind === 'mantis') await caller.call(methods.updateJobClusterStatus, { id, enableStatus: true });
      await caller.create({ labels: { 'berth.jobClusterId': id } });
    });
    await killAll();
    await stillWorks();
  });
});
