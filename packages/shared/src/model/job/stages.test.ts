import { describe, expect, it } from 'vitest';
import { JobRecord } from '../../gen/berth/v1/store.js';
import { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { containerOf, instancesOf, jobClaims, retryPolicyOf, totalDesired } from './job.js';
import { idleLimitsOf, isTypeClaim, runtimeEndMs, typeReleases, userTypeClaim } from './mantis.js';
import { noStage, slotKey, stageSpec, stagesOf, withInstances } from './stages.js';

const policy = { $case: 'immediate', value: { retries: 3 } } as const;
const two = JobDescriptor.fromPartial({
  containers: { a: { resources: { cpu: '1' } }, b: { resources: { cpu: '2' } } },
  jobSpec: {
    $case: 'mantis',
    value: {
      jobSLA: { runtimeLimitSecs: 60, userProvidedType: 'orders' },
      stages: [
        { containerId: 'a', instances: { desired: 2 } },
        { containerId: 'b', instances: { min: 1, desired: 3 }, retryPolicy: { policy } },
      ],
    },
  },
});
const service = JobDescriptor.fromPartial({
  jobSpec: { $case: 'service', value: { instances: { desired: 4 } } },
});

describe('the stages of a job', () => {
  it('count from 1, and a job without stages has only noStage', () => {
    expect(stagesOf(two)).toEqual([1, 2]);
    expect(stagesOf(service)).toEqual([noStage]);
  });

  it('each have instances, a container and a retry policy', () => {
    expect([1, 2].map((stage) => instancesOf(two, stage).desired)).toEqual([2, 3]);
    expect([1, 2].map((stage) => containerOf(two, stage)?.resources.cpu)).toEqual(['1', '2']);
    expect([1, 2].map((stage) => retryPolicyOf(two, stage).value.retries)).toEqual([0, 3]);
    expect(totalDesired(two)).toBe(5);
    expect(totalDesired(service)).toBe(4);
  });

  it('exclude numbers that the job does not have', () => {
    expect([noStage, 3].map((stage) => stageSpec(two, stage))).toEqual([undefined, undefined]);
    expect(stageSpec(service, 1)).toBeUndefined();
  });

  it('change independently', () => {
    const instances = { min: 0, max: 9, desired: 7 };
    const changed = withInstances(two, 2, instances);
    expect([1, 2].map((stage) => instancesOf(changed, stage).desired)).toEqual([2, 7]);
    expect(instancesOf(withInstances(service, noStage, instances)).desired).toBe(7);
    expect(withInstances(two, 3, instances)).toBe(two);
  });

  it('have their own slots', () => {
    expect(slotKey(noStage, 7)).toBe(7);
    expect(new Set([slotKey(1, 0), slotKey(1, 1), slotKey(2, 0), slotKey(noStage, 1)]).size).toBe(4);
  });
});

describe('the end and the type of a Mantis job', () => {
  const job = JobRecord.fromPartial({ id: 'j', clusterId: 'c', descriptor: two, createdAtMs: 1000 });

  it('counts its runtime from its submission', () => {
    expect(runtimeEndMs(job)).toBe(61_000);
    expect(runtimeEndMs({ ...job, descriptor: service })).toBe(Number.POSITIVE_INFINITY);
  });

  it('claims its type within its cluster', () => {
    const name = userTypeClaim(job) ?? '';
    expect(jobClaims(job)).toEqual([name]);
    expect(isTypeClaim(name)).toBe(true);
    expect(userTypeClaim({ ...job, clusterId: 'd' })).not.toBe(name);
    expect(typeReleases(job)).toEqual([{ name, owner: 'j' }]);
    expect(typeReleases({ ...job, descriptor: service })).toEqual([]);
  });

  it('has a limit without subscribers only if it is Transient', () => {
    expect(idleLimitsOf(two)).toBeUndefined();
    const transient = JobDescriptor.fromPartial({
      jobSpec: { $case: 'mantis', value: { jobSLA: { durationType: 1, minRuntimeSecs: 5 } } },
    });
    expect(idleLimitsOf(transient)).toEqual({ subscriptionTimeoutMs: 300_000, minRuntimeMs: 5000 });
  });
});
