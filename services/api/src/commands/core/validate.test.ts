import { type DeepPartial, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { knownAttributes } from '@berth/shared/model/expression/vocabulary';
import { type Submission, type ValidJob, validateJob } from '@berth/shared/model/submission/validate';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aBatchJob, aServiceJob } from '../../testing/fixtures.js';

function valid(descriptor: JobDescriptor, submission: Submission = {}): ValidJob {
  const result = validateJob(descriptor, submission);
  if ('violations' in result) throw new Error(JSON.stringify(result.violations, null, 2));
  return result;
}

function refused(descriptor: JobDescriptor, submission: Submission = {}): string[] {
  const result = validateJob(descriptor, submission);
  return 'violations' in result ? result.violations.map(({ field }) => field).sort() : [];
}

type BatchSpec = Extract<DeepPartial<JobDescriptor>['jobSpec'], { $case: 'batch' }>['value'];
type ServiceSpec = Extract<DeepPartial<JobDescriptor>['jobSpec'], { $case: 'service' }>['value'];
type Containers = NonNullable<DeepPartial<JobDescriptor>['containers']>;

const batch = (value: NonNullable<BatchSpec>) => aBatchJob({ jobSpec: { $case: 'batch', value } });
const service = (value: NonNullable<ServiceSpec>) => aBatchJob({ jobSpec: { $case: 'service', value } });
const main = (container: Containers[string]) =>
  aBatchJob({ containers: { main: { image: { name: 'busybox:1' }, ...container } } });

describe('validateJob', () => {
  it('fills in every default', () => {
    const { descriptor, cluster } = valid(aServiceJob());
    expect(cluster.id).toBe('default');
    expect(descriptor.appName).toBe('service-job');
    expect(descriptor.jobSpec).toEqual({
      $case: 'service',
      value: {
        instances: { min: 0, max: 2 ** 31 - 1, desired: 1 },
        enabled: true,
        scalingPolices: [],
        retryPolicy: { policy: { $case: 'immediate', value: { retries: 0 } } },
        containerId: 'main',
      },
    });
  });

  it('keeps the fields that the caller has set', () => {
    const retryPolicy = {
      policy: { $case: 'delayed', value: { initialDelayMs: 1, delayMs: 2, retries: 3 } },
    } as const;
    const asked = {
      instances: { min: 2, max: 5, desired: 4 },
      runtimeLimitSecs: 60,
      retryPolicy,
      containerId: 'main',
    };
    const { descriptor } = valid(batch(asked));
    expect(descriptor.jobSpec).toEqual({ $case: 'batch', value: asked });
  });

  it('returns a descriptor that is valid and stays the same when it is validated again', () => {
    const once = valid(aBatchJob()).descriptor;
    expect(valid(once).descriptor).toEqual(once);
  });

  it('uses the caller for both e-mail addresses if they are unset', () => {
    const { descriptor } = valid(aBatchJob({ owner: {} }), { callerEmail: 'ada@example.org' });
    expect(descriptor.owner).toEqual({ ownerEmail: 'ada@example.org', teamEmail: 'ada@example.org' });
  });

  it('fills in only the e-mail address that is unset', () => {
    const { descriptor } = valid(aBatchJob({ owner: { teamEmail: 'team@x' } }), { callerEmail: 'ada@x' });
    expect(descriptor.owner).toEqual({ ownerEmail: 'ada@x', teamEmail: 'team@x' });
  });

  it('accepts the cluster "default" under each of its names', () => {
    const named = aBatchJob({ labels: { 'berth.jobClusterId': 'default' } });
    expect(valid(named, { clusterId: 'default' }).cluster.id).toBe('default');
  });

  const many = Object.fromEntries(Array.from({ length: 129 }, (_, index) => [`label${index}`, '']));
  const cases: readonly [string, JobDescriptor, string[], Submission?][] = [
    ['no owner and no e-mail address of the caller', aBatchJob({ owner: undefined }), ['owner']],
    ['an owner with one address only', aBatchJob({ owner: { ownerEmail: 'a@b' } }), ['owner.teamEmail']],
    [
      'an owner that is no address',
      aBatchJob({ owner: { ownerEmail: 'ada', teamEmail: 'a@b' } }),
      ['owner.ownerEmail'],
    ],
    [
      'a caller whose e-mail address is none',
      aBatchJob({ owner: undefined }),
      ['owner'],
      { callerEmail: 'nobody' },
    ],
    ['a reserved label', aBatchJob({ labels: { 'TITUS.x': '1' } }), ['labels["TITUS.x"]']],
    ['a label without a name', aBatchJob({ labels: { '': '1' } }), ['labels[""]']],
    ['too many labels', aBatchJob({ labels: many }), ['labels']],
    ['a label too long', aBatchJob({ labels: { a: 'x'.repeat(5000) } }), ['labels["a"]']],
    [
      'another cluster by label',
      aBatchJob({ labels: { 'berth.jobClusterId': 'x' } }),
      ['labels["berth.jobClusterId"]'],
    ],
    ['another cluster by header', aBatchJob(), ['metadata berth.jobClusterId'], { clusterId: 'x' }],
    ['no kind', aBatchJob({ jobSpec: undefined }), ['jobSpec']],
    [
      'an empty Mantis job',
      aBatchJob({ jobSpec: { $case: 'mantis', value: {} } }),
      ['mantis.jobSLA', 'mantis.name', 'mantis.stages'],
    ],
    ['no container', aBatchJob({ containers: {} }), ['containers']],
    [
      'two containers',
      aBatchJob({ containers: { a: { image: { name: 'a' } }, b: { image: { name: 'b' } } } }),
      ['containers'],
    ],
    [
      'a container id that is none',
      aBatchJob({ containers: { 'a b': { image: { name: 'a' } } } }),
      ['containers["a b"]'],
    ],
    ['a container that does not exist', batch({ containerId: 'other' }), ['batch.containerId']],
    ['no image', main({ image: {} }), ['containers["main"].image']],
    ['a bad image name', main({ image: { name: 'A B' } }), ['containers["main"].image.name']],
    ['a bad image id', main({ image: { imageId: 'x' } }), ['containers["main"].image.imageId']],
    ['no cpu', main({ resources: { cpu: '0' } }), ['containers["main"].resources.cpu']],
    ['an unknown resource', main({ resources: { flux: '1' } }), ['containers["main"].resources.flux']],
    ['a bad name in env', main({ env: { 'A=B': '1' } }), ['containers["main"].env["A=B"]']],
    ['NUL in env', main({ env: { A: '\0' } }), ['containers["main"].env["A"]']],
    ['too much env', main({ env: { A: 'x'.repeat(32 * 1024) } }), ['containers["main"].env']],
    ['arguments too long', main({ command: ['x'.repeat(17_000)] }), ['containers["main"].command']],
    ['an empty entry point', main({ entryPoint: ['', 'x'] }), ['containers["main"].entryPoint']],
    [
      'a reserved parameter',
      main({ parameters: { 'titus.x': '1' } }),
      ['containers["main"].parameters["titus.x"]'],
    ],
    [
      'an unknown constraint',
      main({ hardConstraints: { constraints: { uniqHost: 'true' } } }),
      ['containers["main"].hardConstraints.constraints["uniqHost"]'],
    ],
    [
      'an expression that is none',
      main({ softConstraints: { expression: 'zone = "a"' } }),
      ['containers["main"].softConstraints.expression'],
    ],
    [
      'a constraint that is both hard and soft',
      main({
        hardConstraints: { constraints: { uniqueHost: 'true' } },
        softConstraints: { constraints: { uniqueHost: 'true' } },
      }),
      ['containers["main"].softConstraints.constraints["uniqueHost"]'],
    ],
    ['an unknown tier', aBatchJob({ labels: { 'berth.tier': 'best' } }), ['labels["berth.tier"]']],
    [
      'a priority beyond reason',
      aBatchJob({ labels: { 'berth.priority': '1001' } }),
      ['labels["berth.priority"]'],
    ],
    [
      'an unknown fit policy',
      main({ parameters: { 'berth.fitPolicy': 'tight' } }),
      ['containers["main"].parameters["berth.fitPolicy"]'],
    ],
    [
      'a security profile that says what cannot be',
      main({ securityProfile: { user: 'root', privileged: 'perhaps', moon: '1' } }),
      ['containers["main"].securityProfile.moon', 'containers["main"].securityProfile.privileged'],
    ],
    [
      'parameters that say what cannot be',
      main({ parameters: { network: 'none', init: 'x' }, resources: { ports: '80', eni: '2' } }),
      [
        'containers["main"].parameters["init"]',
        'containers["main"].parameters["network"]',
        'containers["main"].resources.eni',
      ],
    ],
    ['min above desired', service({ instances: { min: 3, desired: 1 } }), ['service.instances']],
    ['desired above max', service({ instances: { max: 1, desired: 2 } }), ['service.instances']],
    ['no instances of a batch job', batch({ instances: { desired: 0 } }), ['batch.instances.desired']],
    ['too many instances', batch({ instances: { desired: 10_001 } }), ['batch.instances.desired']],
    ['a max beyond 2^31-1', service({ instances: { max: 2 ** 31 } }), ['service.instances.max']],
    ['a runtime limit beyond reason', batch({ runtimeLimitSecs: 2 ** 40 }), ['batch.runtimeLimitSecs']],
    [
      'scaling policies that say nothing that can be done',
      service({
        scalingPolices: [
          { action: 'x' },
          { condition: 'avg(CPUUtilization) > 80%', action: 'addInstances 1' },
          { condition: 'avg(CPU) > 80%', action: 'grow 1', labels: { 'berth.coolDown': '1' } },
        ],
      }),
      [
        'service.scalingPolices[0].action',
        'service.scalingPolices[0].condition',
        'service.scalingPolices[2].action',
        'service.scalingPolices[2].condition',
        'service.scalingPolices[2].labels["berth.coolDown"]',
      ],
    ],
    [
      'a scaling policy on a metric that the container does not publish',
      service({ scalingPolices: [{ condition: 'max(queueDepth) > 8', action: 'addInstances 1' }] }),
      ['service.scalingPolices[0].condition'],
    ],
    [
      'a back-off that begins above its end',
      batch({
        retryPolicy: {
          policy: { $case: 'exponentialBackOff', value: { initialDelayMs: 10, maxDelayIntervalMs: 5 } },
        },
      }),
      ['batch.retryPolicy.exponentialBackOff.maxDelayIntervalMs'],
    ],
    [
      'a delay beyond reason',
      batch({ retryPolicy: { policy: { $case: 'delayed', value: { delayMs: 2 ** 40 } } } }),
      ['batch.retryPolicy.delayed.delayMs'],
    ],
    ['a group without a stack', aBatchJob({ jobGroupInfo: { sequence: '1' } }), ['jobGroupInfo.stack']],
    ['an app name too long', aBatchJob({ appName: 'x'.repeat(300) }), ['appName']],
  ];

  it.each(cases)('refuses %s', (_what, descriptor, fields, submission) => {
    expect(refused(descriptor, submission)).toEqual(fields);
  });

  it("accepts constraints over the agents' attributes", () => {
    const constrained = main({
      hardConstraints: { constraints: { zoneBalance: 'true' }, expression: 'gpuModel == "T4"' },
    });
    const attributes = () => knownAttributes([{ gpuModel: 'T4' }]);
    expect(refused(constrained, { callerEmail: 'a@b' })).toEqual([
      'containers["main"].hardConstraints.expression',
    ]);
    expect(validateJob(constrained, { callerEmail: 'a@b', attributes })).toMatchObject({
      cluster: { id: 'default' },
    });
  });

  it.each(['constructor', 'toString', '__proto__'])('takes %s for no container', (containerId) => {
    const scaled = aServiceJob({
      jobSpec: {
        $case: 'service',
        value: { containerId, scalingPolices: [{ condition: 'avg(own) > 1', action: 'addInstances 1' }] },
      },
    });
    const result = validateJob(scaled, {});
    expect('violations' in result && result.violations.map(({ field }) => field)).toEqual([
      'service.containerId',
    ]);
  });

  it('names all violations at once', () => {
    const wrong = aBatchJob({
      owner: { ownerEmail: 'nobody', teamEmail: 'a@b' },
      labels: { 'titus.a': '1', 'berth.jobClusterId': 'x' },
      containers: {
        main: { resources: { cpu: 'much', memory: '0' }, env: { '': 'x' }, parameters: { 'titus.b': '' } },
        other: { image: { name: 'B' }, hardConstraints: { expression: 'x' } },
      },
      jobSpec: { $case: 'batch', value: { instances: { min: 5, desired: 0 }, containerId: 'none' } },
    });
    expect(refused(wrong)).toEqual(
      [
        'owner.ownerEmail',
        'labels["titus.a"]',
        'labels["berth.jobClusterId"]',
        'containers',
        'containers["main"].resources.cpu',
        'containers["main"].resources.memory',
        'containers["main"].image',
        'containers["main"].env[""]',
        'containers["main"].parameters["titus.b"]',
        'containers["other"].image.name',
        'containers["other"].hardConstraints.expression',
        'batch.instances',
        'batch.instances.desired',
        'batch.containerId',
      ].sort(),
    );
  });

  it('names the values if min <= desired <= max does not hold', () => {
    const result = validateJob(service({ instances: { min: 3, desired: 1, max: 2 } }), {});
    expect(result).toHaveProperty(
      ['violations', 0, 'description'],
      'min <= desired <= max does not hold: min 3, desired 1, max 2',
    );
  });

  it('answers every request that can be decoded, and accepts only valid ones', () => {
    const words = fc.oneof(
      fc.string(),
      fc.constantFrom('', 'main', 'cpu', 'titus.x', 'a@b', 'busybox:1', '\0'),
    );
    const dictionary = fc.dictionary(words, words, { maxKeys: 3 });
    const container = fc.record({
      resources: dictionary,
      env: dictionary,
      parameters: dictionary,
      image: fc.record({ name: words }),
    });
    const instances = fc.record({ min: fc.nat(), max: fc.nat(), desired: fc.nat() }, { requiredKeys: [] });
    const descriptor = fc.record({
      owner: fc.record({ ownerEmail: words, teamEmail: words }),
      appName: words,
      labels: dictionary,
      containers: fc.dictionary(words, container, { maxKeys: 2 }),
      jobSpec: fc.record({
        $case: fc.constant('service' as const),
        value: fc.record({ instances, containerId: words }),
      }),
    });
    fc.assert(
      fc.property(descriptor, (fields) => {
        const sent = JobDescriptor.decode(JobDescriptor.encode(JobDescriptor.fromPartial(fields)).finish());
        const result = validateJob(sent, { callerEmail: 'a@b' });
        if ('descriptor' in result) expect(refused(result.descriptor)).toEqual([]);
        else expect(result.violations.length).toBeGreaterThan(0);
      }),
    );
  });
});
