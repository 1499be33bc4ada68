import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import fc from 'fast-check';

const email = fc.constantFrom('', 'ada@example.org', 'bob@example.org', 'nobody');
const word = fc.constantFrom('', 'a', 'main', 'web-1', 'Titus.x', 'x'.repeat(300), 'ü\u0000', '__proto__');
const amount = fc.constantFrom('', '1', '0', '0.5', '512MiB', '10Gb', '-1', 'many', '1e9', '99999999999999');
const count = fc.option(fc.constantFrom(0, 1, 2, 10, 20_000, 4_294_967_295), { nil: undefined });
const instances = fc.option(fc.record({ min: count, max: count, desired: count }), { nil: undefined });
const millis = fc.constantFrom(0, 1, 1000, 2 ** 40);

const retryPolicy = fc.option(
  fc.record({
    policy: fc.oneof(
      fc.constant(undefined),
      fc.record({
        $case: fc.constant('immediate' as const),
        value: fc.record({ retries: fc.constantFrom(0, 3, 1_000_000) }),
      }),
      fc.record({
        $case: fc.constant('delayed' as const),
        value: fc.record({ initialDelayMs: millis, delayMs: millis, retries: fc.nat(3) }),
      }),
      fc.record({
        $case: fc.constant('exponentialBackOff' as const),
        value: fc.record({ initialDelayMs: millis, maxDelayIntervalMs: millis, retries: fc.nat(3) }),
      }),
    ),
  }),
  { nil: undefined },
);

const map = (key: fc.Arbitrary<string>, value: fc.Arbitrary<string>) =>
  fc.dictionary(key, value, { maxKeys: 3, noNullPrototype: true });

const constraints = fc.option(
  fc.record({
    constraints: map(
      fc.constantFrom('uniqueHost', 'exclusiveHost', 'zoneBalance', 'host', 'serverGroup', 'moon'),
      fc.constantFrom('', 'true', 'false', 'h1', 'a,b'),
    ),
    expression: fc.constantFrom('', 'zoneBalance', 'zone in ("a","b")', 'NOT (', 'agent.memoryMB >= 4096'),
  }),
  { nil: undefined },
);

const container = fc.record({
  resources: map(
    fc.constantFrom('cpu', 'memory', 'disk', 'network', 'gpu', 'ports', 'eni', 'allocateIP', 'moon'),
    fc.oneof(amount, fc.constantFrom('80', '80,80', '80,443', 'true', '0', '1', '2')),
  ),
  securityProfile: map(
    fc.constantFrom(
      'iamRole',
      'securityGroups',
      'user',
      'capabilities',
      'readOnlyRootfs',
      'seccomp',
      'apparmor',
      'privileged',
      'moon',
    ),
    fc.constantFrom(
      '',
      'true',
      'false',
      'sg-1,sg-2',
      '1000:1000',
      'NET_ADMIN,-CHOWN',
      'unconfined',
      '{}',
      'a b',
    ),
  ),
  image: fc.option(
    fc.record({
      name: fc.constantFrom('', 'busybox:1', 'registry:5000/a/b:1', 'Not An Image', '../x'),
      imageId: fc.constantFrom('', `sha256:${'0'.repeat(64)}`, 'sha256:short'),
    }),
    { nil: undefined },
  ),
  parameters: map(
    fc.constantFrom('network', 'init', 'titus.x', 'own', ''),
    fc.constantFrom('', 'none', 'bridge', 'moon', 'true'),
  ),
  entryPoint: fc.array(fc.constantFrom('', 'sh', '-c', '\u0000'), { maxLength: 2 }),
  command: fc.array(fc.constantFrom('', 'sleep', 'x'.repeat(20_000)), { maxLength: 2 }),
  env: map(
    fc.constantFrom('A', 'B_2', '1x', '', 'é'),
    fc.constantFrom('', 'v', '\u0000', 'x'.repeat(40_000)),
  ),
  softConstraints: constraints,
  hardConstraints: constraints,
});

const jobSpec = fc.oneof(
  fc.constant(undefined),
  fc.record({
    $case: fc.constant('batch' as const),
    value: fc.record({
      instances,
      runtimeLimitSecs: fc.constantFrom(0, 60, 2 ** 50),
      retryPolicy,
      containerId: fc.constantFrom('', 'main', 'other'),
    }),
  }),
  fc.record({
    $case: fc.constant('service' as const),
    value: fc.record({
      instances,
      enabled: fc.option(fc.boolean(), { nil: undefined }),
      scalingPolices: fc
        .boolean()
        .map((has) => (has ? [{ condition: 'c', action: 'a', durationSecs: 1 }] : [])),
      retryPolicy,
      containerId: fc.constantFrom('', 'main', 'other'),
    }),
  }),
  fc.record({
    $case: fc.constant('mantis' as const),
    value: fc.record({
      name: word,
      parameters: map(word, word),
      jobSLA: fc.option(
        fc.record({
          runtimeLimitSecs: fc.constantFrom(0, 60, 2 ** 50),
          minRuntimeSecs: fc.constantFrom(0, 30, 90),
          durationType: fc.constantFrom(0, 1),
          userProvidedType: word,
        }),
        { nil: undefined },
      ),
      subscriptionTimeoutSecs: fc.constantFrom(undefined, 0, 60),
      stages: fc.array(
        fc.record({ instances, retryPolicy, containerId: fc.constantFrom('', 'main', 'other') }),
        { maxLength: 3 },
      ),
    }),
  }),
);

/** A job descriptor of any kind: valid, half valid, or nonsense. */
export const aDescriptor: fc.Arbitrary<JobDescriptor> = fc
  .record({
    owner: fc.option(fc.record({ ownerEmail: email, teamEmail: email }), { nil: undefined }),
    appName: word,
    jobGroupInfo: fc.option(fc.record({ stack: word, detail: word, sequence: word }), { nil: undefined }),
    labels: map(fc.constantFrom('', 'team', 'Titus.x', 'berth.jobClusterId', 'x'.repeat(300)), word),
    containers: fc.dictionary(fc.constantFrom('main', 'other', ' ', 'x'.repeat(70)), container, {
      maxKeys: 2,
      noNullPrototype: true,
    }),
    jobSpec,
  })
  .map((fields) => JobDescriptor.fromPartial(fields));
