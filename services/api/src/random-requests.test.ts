import {
  JobClusterDescriptor,
  JobDescriptor,
  JobManagementServiceService as methods,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { MemoryStore } from '@berth/store/memory';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aDescriptor } from './testing/descriptors.js';
import { aBatchJob } from './testing/fixtures.js';
import { aMutant } from './testing/mutants.js';
import { codeOf, RunningGateway } from './testing/running-gateway.js';

let store: MemoryStore;
let gateway: RunningGateway;
let jobId: string;

beforeAll(async () => {
  store = new MemoryStore();
  gateway = await RunningGateway.start(store, { BERTH_API_WRITE_RATE: '0' });
  jobId = await gateway.create();
});

// No request may stop or change the gateway.
afterAll(async () => {
  expect(await codeOf(gateway.create())).toBe(status.OK);
  await gateway.close();
  await store.close();
});

const answers: readonly number[] = [
  status.OK,
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
  // A live job has the same name, or its cluster is full.
  status.RESOURCE_EXHAUSTED,
  status.NOT_FOUND,
];
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom('', ',', ':', 'a'.repeat(5000), '\u0000'),
);

/** Each of so many random requests gets an answer that is no fault of the gateway's. */
function answersAll<T>(
  of: fc.Arbitrary<T>,
  send: (value: T) => Promise<unknown>,
  numRuns: number,
): Promise<void> {
  const property = fc.asyncProperty(of, async (value) => {
    expect(answers).toContain(await codeOf(send(value)));
  });
  return fc.assert(property, { numRuns });
}

const createBytes = { ...methods.createJob, requestSerialize: (bytes: Buffer) => bytes };

/** A valid message with some of its bytes changed, taken out or put in. */
const mutatedBytes = fc
  .tuple(
    aDescriptor,
    fc.array(fc.record({ at: fc.nat(400), byte: fc.nat(255), act: fc.constantFrom('set', 'drop', 'put') })),
  )
  .map(([descriptor, changes]) => {
    const bytes = [...JobDescriptor.encode(descriptor).finish()];
    for (const { at, byte, act } of changes)
      bytes.splice(at, act === 'put' ? 0 : 1, ...(act === 'drop' ? [] : [byte]));
    return Buffer.from(bytes);
  });

describe('random requests', { timeout: 60_000 }, () => {
  it('to create jobs', () => answersAll(aDescriptor, (descriptor) => gateway.create(descriptor), 2500));

  it('to create jobs, almost valid', () => {
    const almost = fc
      .tuple(aDescriptor, fc.constantFrom('owner', 'labels', 'containers', 'jobSpec'))
      .map(([odd, field]): JobDescriptor => ({ ...aBatchJob(), [field]: odd[field as keyof JobDescriptor] }));
    return answersAll(almost, (descriptor) => gateway.create(descriptor), 1000);
  });

  it('to create and change clusters', () => {
    const cluster = fc.record({ name: text, template: fc.option(aDescriptor, { nil: undefined }) });
    return answersAll(
      cluster,
      async ({ name, template }) => {
        const descriptor = JobClusterDescriptor.fromPartial({
          name,
          owner: { ownerEmail: 'a@b', teamEmail: 'a@b' },
          clusterSpec: { $case: 'service', value: {} },
          ...(template === undefined ? {} : { jobDescriptor: template }),
        });
        const { id } = (await gateway.call(methods.createJobCluster, descriptor)).response;
        await gateway.create(aBatchJob({ labels: { 'berth.jobClusterId': id } }));
      },
      500,
    );
  });

  it('to find jobs and tasks', () => {
    const keys = [
      'jobState',
      'labels',
      'labels.op',
      'owner',
      'taskStates',
      'jobIds',
      'skipSystemFailures',
      'moon',
    ];
    const query = fc.record({
      page: fc.option(fc.record({ pageNumber: fc.integer(), pageSize: fc.integer() }), { nil: undefined }),
      fiterlingCriteria: fc.dictionary(fc.constantFrom(...keys), text, { noNullPrototype: true }),
      fields: fc.array(fc.oneof(text, fc.constantFrom('jobState', 'jobDescriptor.labels', 'tasks.id')), {
        maxLength: 3,
      }),
    });
    const bounded = query.map((one) => ({
      ...one,
      page: one.page && { pageNumber: one.page.pageNumber | 0, pageSize: one.page.pageSize | 0 },
    }));
    return answersAll(
      bounded,
      async (each) => {
        await gateway.call(methods.findTasks, { ...each, jobId });
        await gateway.call(methods.findJobs, each);
      },
      500,
    );
  });

  it('to create jobs, valid except for the changed parts', () =>
    answersAll(aMutant, (bytes) => gateway.call<Buffer, unknown>(createBytes, bytes), 1000));

  it('that are no messages at all', () =>
    answersAll(mutatedBytes, (bytes) => gateway.call<Buffer, unknown>(createBytes, bytes), 1000));
});
