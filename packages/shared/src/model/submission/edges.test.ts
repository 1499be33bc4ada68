import { describe, expect, it } from 'vitest';
import { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { validateJob } from './validate.js';

type Path = readonly (string | number)[];
type Node = Record<string | number, unknown>;

const container = { image: { name: 'busybox:1' } };
const base: Readonly<Record<'batch' | 'service' | 'mantis', object>> = {
  batch: { containers: { main: container }, batch: {} },
  service: { containers: { main: container }, service: {} },
  mantis: { containers: { main: container }, mantis: { name: 'm', jobSLA: {}, stages: [{}] } },
};

/** The job with this value at the path, as JSON. */
function jobWith(kind: keyof typeof base, path: Path, value: unknown): JobDescriptor {
  const job = structuredClone({ owner: { ownerEmail: 'a@b', teamEmail: 'a@b' }, ...base[kind] }) as Node;
  const parent = path.slice(0, -1).reduce<Node>((node, part) => {
    node[part] ??= {};
    return node[part] as Node;
  }, job);
  parent[path.at(-1) ?? ''] = value;
  return JobDescriptor.fromJSON(job);
}

/** Returns `field: description` of each violation. */
function violations(job: JobDescriptor): readonly string[] {
  const result = validateJob(job, {});
  return 'violations' in result
    ? result.violations.map(({ field, description }) => `${field}: ${description}`)
    : [];
}

const main = (...path: Path): Path => ['containers', 'main', ...path];
const size = 'a number of MB, or one with a unit such as 512MiB or 10GB (b is bits, B is bytes)';
const rate = 'a number of Mbps, or one with a unit such as 10Gb (b is bits, B is bytes)';
const cores = 'a number of cores, decimals allowed';
const tooMuch = 'which is more than any agent can have';
const gpus = 'a number of whole gpus, or a share of one gpu such as 0.5';
const variable = 'is no name of a variable: it must not be empty, and not hold = or NUL';

/** The greatest numbers of the wire's types. */
const uint32 = 2 ** 32 - 1;
const uint64 = Number.MAX_SAFE_INTEGER;

/** A field, values that are taken, and values that are refused with the description. */
type Edges = readonly [
  name: string,
  kind: keyof typeof base,
  path: Path,
  taken: readonly unknown[],
  refused: readonly (readonly [value: unknown, description: string])[],
];

const resources: readonly Edges[] = [
  [
    'containers["main"].resources.cpu',
    'batch',
    main('resources', 'cpu'),
    ['0.01', '1', '1.0005', ' 2 ', '1024'],
    [
      ['0', 'must be greater than 0'],
      ['0.009', 'is "0.009", but a container needs at least 0.01 cores'],
      ['0.0000001', 'is "0.0000001", but a container needs at least 0.01 cores'],
      ['-1', `is "-1", but must be ${cores}`],
      ['NaN', `is "NaN", but must be ${cores}`],
      ['Infinity', `is "Infinity", but must be ${cores}`],
      ['1e3', `is "1e3", but must be ${cores}`],
      ['', `is "", but must be ${cores}`],
      ['500m', `is "500m", but must be ${cores}`],
      ['1024.001', `is "1024.001", ${tooMuch}`],
      ['9'.repeat(400), `is "${'9'.repeat(400)}", but must be ${cores}`],
    ],
  ],
  [
    'containers["main"].resources.memory',
    'batch',
    main('resources', 'memory'),
    ['7', '6.5', '6MiB', '7MB', '56Mb', '512MiB', '16000000'],
    [
      ['0', 'must be greater than 0'],
      ['1', 'is "1", but a container needs at least 7 MB'],
      ['6', 'is "6", but a container needs at least 7 MB'],
      ['5MiB', 'is "5MiB", but a container needs at least 7 MB'],
      ['512B', 'is "512B", but a container needs at least 7 MB'],
      ['-7', `is "-7", but must be ${size}`],
      ['NaN', `is "NaN", but must be ${size}`],
      ['100m', `is "100m", but must be ${size}`],
      ['16000001', `is "16000001", ${tooMuch}`],
      ['999999999999999TiB', `is "999999999999999TiB", ${tooMuch}`],
    ],
  ],
  [
    'containers["main"].resources.disk',
    'batch',
    main('resources', 'disk'),
    ['0', '0.5', '10GB', '1000000000'],
    [
      ['-1', `is "-1", but must be ${size}`],
      ['NaN', `is "NaN", but must be ${size}`],
      ['1000000001', `is "1000000001", ${tooMuch}`],
    ],
  ],
  [
    'containers["main"].resources.network',
    'batch',
    main('resources', 'network'),
    ['0', '0.1', '10Gbps', '1000000'],
    [
      ['-1', `is "-1", but must be ${rate}`],
      ['Infinity', `is "Infinity", but must be ${rate}`],
      ['1000001', `is "1000001", ${tooMuch}`],
    ],
  ],
  [
    'containers["main"].resources.gpu',
    'batch',
    main('resources', 'gpu'),
    ['0', '0.5', '1', '1024'],
    [
      ['1.5', `must be ${gpus}`],
      ['-1', `is "-1", but must be ${gpus}`],
      ['NaN', `is "NaN", but must be ${gpus}`],
      ['1025', `is "1025", ${tooMuch}`],
    ],
  ],
  [
    'containers["main"].resources.eni',
    'batch',
    main('resources', 'eni'),
    ['0', '1'],
    [
      ['2', 'is "2", but must be 0 or 1: a container has one network interface at most'],
      ['-1', 'is "-1", but must be 0 or 1: a container has one network interface at most'],
    ],
  ],
];

const times: readonly Edges[] = [
  [
    'batch.runtimeLimitSecs',
    'batch',
    ['batch', 'runtimeLimitSecs'],
    [0, 1, 315_360_000],
    [
      [315_360_001, 'is 315360001, but at most 315360000 is allowed'],
      [uint64, `is ${uint64}, but at most 315360000 is allowed`],
    ],
  ],
  [
    'mantis.jobSLA.runtimeLimitSecs',
    'mantis',
    ['mantis', 'jobSLA', 'runtimeLimitSecs'],
    [0, 1, 315_360_000],
    [[315_360_001, 'is 315360001, but at most 315360000 is allowed']],
  ],
  [
    'mantis.jobSLA.minRuntimeSecs',
    'mantis',
    ['mantis', 'jobSLA', 'minRuntimeSecs'],
    [0, 315_360_000],
    [[uint64, `is ${uint64}, but at most 315360000 is allowed`]],
  ],
  [
    'mantis.subscriptionTimeoutSecs',
    'mantis',
    ['mantis', 'subscriptionTimeoutSecs'],
    [1, 315_360_000],
    [
      [0, 'must be at least 1; left out it is 300'],
      [315_360_001, 'is 315360001, but at most 315360000 is allowed'],
    ],
  ],
  [
    'mantis.stages[0].autoScalingPolicy.coolDownSecs',
    'mantis',
    ['mantis', 'stages', 0, 'autoScalingPolicy'],
    [{ coolDownSecs: 86_400, strategies: { CPU: { scaleUpAbovePct: 80 } } }],
    [
      [
        { coolDownSecs: 86_401, strategies: { CPU: { scaleUpAbovePct: 80 } } },
        'is 86401, but at most 86400 is allowed',
      ],
    ],
  ],
  [
    'service.scalingPolices[0].durationSecs',
    'service',
    ['service', 'scalingPolices'],
    [[{ condition: 'target(CPUUtilization) = 60%', durationSecs: 86_400 }]],
    [
      [
        [{ condition: 'target(CPUUtilization) = 60%', durationSecs: 86_401 }],
        'is 86401, but at most 86400 is allowed',
      ],
    ],
  ],
];

const retries: readonly Edges[] = (['batch', 'service'] as const).flatMap((kind): readonly Edges[] => {
  const path = (policy: string, field: string): Path => [kind, 'retryPolicy', policy, field];
  const delay = (policy: string, field: string): Edges => [
    `${kind}.retryPolicy.${policy}.${field}`,
    kind,
    path(policy, field),
    [0, 1, 86_400_000],
    [
      [86_400_001, 'is 86400001, but at most 86400000 is allowed'],
      [uint64, `is ${uint64}, but at most 86400000 is allowed`],
    ],
  ];
  const count = (policy: string): Edges => [
    `${kind}.retryPolicy.${policy}.retries`,
    kind,
    path(policy, 'retries'),
    [0, 10_000],
    [
      [10_001, 'is 10001, but at most 10000 is allowed'],
      [uint32, `is ${uint32}, but at most 10000 is allowed`],
    ],
  ];
  return [
    ...['immediate', 'delayed', 'exponentialBackOff'].map(count),
    delay('delayed', 'delayMs'),
    delay('delayed', 'initialDelayMs'),
    delay('exponentialBackOff', 'initialDelayMs'),
    delay('exponentialBackOff', 'maxDelayIntervalMs'),
  ];
});

const tooMany = (count: number) => `is ${count}, but at most 10000 is allowed`;

const counts: readonly Edges[] = [
  ...(['service', 'batch'] as const).map(
    (kind): Edges => [
      `${kind}.instances.desired`,
      kind,
      [kind, 'instances', 'desired'],
      [1, 10_000],
      [
        [10_001, tooMany(10_001)],
        [2 ** 31 - 1, tooMany(2 ** 31 - 1)],
        ...(kind === 'batch' ? [[0, 'must be at least 1 for a batch job'] as const] : []),
      ],
    ],
  ),
  [
    'service.instances.max',
    'service',
    ['service', 'instances', 'max'],
    [1, 2 ** 31 - 1],
    [[uint32, `is ${uint32}, but at most ${2 ** 31 - 1} is allowed`]],
  ],
  [
    'service.instances',
    'service',
    ['service', 'instances'],
    [{}, { desired: 0 }, { min: 5 }, { max: 1 }, { min: 0, max: 0, desired: 0 }],
    [
      [{ max: 0 }, 'min <= desired <= max does not hold: min 0, desired 1, max 0'],
      [{ min: 2, desired: 1 }, 'min <= desired <= max does not hold: min 2, desired 1, max 2147483647'],
    ],
  ],
];

const wholeTo = (least: number, most: number) => `a whole number from ${least} to ${most}`;

const texts: readonly Edges[] = [
  [
    'labels["berth.priority"]',
    'batch',
    ['labels', 'berth.priority'],
    ['-1000', '0', '1000'],
    ['-1001', '1001', '1.5', '1e2', 'NaN', '', '+1'].map((text) => [
      text,
      `is "${text}", but must be ${wholeTo(-1000, 1000)}`,
    ]),
  ],
  [
    'labels["berth.disruptionLimit"]',
    'batch',
    ['labels', 'berth.disruptionLimit'],
    ['0', '10000'],
    ['10001', '-1', '0.5', 'NaN', ''].map((text) => [
      text,
      `is "${text}", but must be ${wholeTo(0, 10_000)}`,
    ]),
  ],
  [
    'containers["main"].parameters["berth.killGrace"]',
    'batch',
    main('parameters', 'berth.killGrace'),
    ['0s', '0.5s', '500ms', '5m', '999999999h'],
    ['-1s', '10', 'NaN', '1e3s', 'soon'].map((text) => [
      text,
      `is "${text}", but must be a time such as 500ms, 30s or 5m`,
    ]),
  ],
  [
    'containers["main"].parameters["berth.metrics.port"]',
    'batch',
    main('parameters', 'berth.metrics.port'),
    ['1', '65535'],
    ['0', '65536', '-1', '80.5', 'http'].map((text) => [
      text,
      `is "${text}", but must be a port from 1 to 65535`,
    ]),
  ],
  [
    'containers["main"].env[""]',
    'batch',
    main('env'),
    [
      { 'a b': '' },
      { '1A': '1' },
      { 'A.B-c': '1' },
      { 'Ä\n😀': '1' },
      { 'BASH_FUNC_f%%': '() { :; }' },
      { __: '=' },
    ],
    [[{ '': 'x' }, variable]],
  ],
  ['containers["main"].env["A=B"]', 'batch', main('env'), [], [[{ 'A=B': 'x' }, variable]]],
  ['containers["main"].env["A\\u0000"]', 'batch', main('env'), [], [[{ 'A\0': 'x' }, variable]]],
  ['containers["main"].env["A"]', 'batch', main('env'), [], [[{ A: 'x\0' }, 'must not hold NUL']]],
];

describe.each([...resources, ...times, ...retries, ...counts, ...texts])(
  'a value at the edge of %s',
  (...edges) => {
    const [name, kind, path, taken, refused] = edges;
    for (const value of taken)
      it(`is taken: ${JSON.stringify(value)}`, () => {
        expect(violations(jobWith(kind, path, value))).toEqual([]);
      });
    for (const [value, description] of refused)
      it(`is refused: ${JSON.stringify(value).slice(0, 60)}`, () => {
        expect(violations(jobWith(kind, path, value))).toContain(`${name}: ${description}`);
      });
  },
);

it('names every field with a bad value at once', () => {
  const job = JobDescriptor.fromJSON({
    containers: {
      main: {
        ...container,
        resources: { cpu: '0.001', memory: '1', gpu: '1.5' },
        env: { '=': '', '': '\0' },
      },
    },
    batch: {
      runtimeLimitSecs: uint64,
      instances: { desired: 10_001 },
      retryPolicy: { delayed: { delayMs: uint64, initialDelayMs: uint64, retries: uint32 } },
    },
  });
  expect(violations(job).map((text) => text.split(': ')[0])).toEqual([
    'containers["main"].resources.cpu',
    'containers["main"].resources.memory',
    'containers["main"].resources.gpu',
    'containers["main"].env["="]',
    'containers["main"].env[""]',
    'containers["main"].env[""]',
    'batch.instances.desired',
    'batch.retryPolicy.delayed.initialDelayMs',
    'batch.retryPolicy.delayed.delayMs',
    'batch.retryPolicy.delayed.retries',
    'batch.runtimeLimitSecs',
    'owner',
  ]);
});
