import type { JobDescriptor as Descriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import fc from 'fast-check';

/** A container with every field that a container can have. */
const full = {
  image: { name: 'simulated:1' },
  resources: { cpu: '0.1', memory: '32MiB', disk: '1GB', network: '10Mbps', ports: '80,443', gpu: '0.5' },
  securityProfile: {
    iamRole: 'reader',
    securityGroups: 'sg-1,sg-2',
    user: '1000:1000',
    capabilities: '-CHOWN',
  },
  parameters: { network: 'bridge', init: 'true', 'berth.fitPolicy': 'spread', own: 'x' },
  entryPoint: ['sh', '-c'],
  command: ['true'],
  hardConstraints: {
    constraints: { uniqueHost: 'true', zone: 'a,b' },
    expression: 'agent.memoryMB >= 1GiB AND (zone in ("a", "b") OR machineType like "m5.*")',
  },
  softConstraints: { constraints: { zoneBalance: 'true' }, expression: 'free.cpu > 0.5' },
};
/** In the simulated runtime it ends by itself. */
const short = { ...full, env: { BERTH_SIM_RUN_MS: '5' } };
const owner = { ownerEmail: 'ada@example.com', teamEmail: 'engines@example.com' };
const jobGroupInfo = { stack: 'main', detail: 'blue', sequence: '' };
const labels = {
  team: 'engines',
  'berth.tier': 'critical',
  'berth.priority': '5',
  'berth.disruptionLimit': '1',
};
const common = { owner, appName: 'mutant', jobGroupInfo, labels, containers: { main: full } };

/** Valid descriptors of every kind, with nearly every field set. */
const bases: readonly Descriptor[] = [
  JobDescriptor.fromPartial({
    ...common,
    containers: { main: short },
    jobSpec: {
      $case: 'batch',
      value: {
        instances: { desired: 2 },
        runtimeLimitSecs: 60,
        retryPolicy: { policy: { $case: 'delayed', value: { initialDelayMs: 1, delayMs: 1, retries: 2 } } },
        containerId: 'main',
      },
    },
  }),
  JobDescriptor.fromPartial({
    ...common,
    jobSpec: {
      $case: 'service',
      value: {
        instances: { min: 1, max: 4, desired: 2 },
        enabled: true,
        scalingPolices: [
          {
            condition: 'avg(CPUUtilization) > 80%',
            action: 'addInstances 1',
            durationSecs: 1,
            labels: { coolDownSecs: '5' },
          },
        ],
        retryPolicy: {
          policy: {
            $case: 'exponentialBackOff',
            value: { initialDelayMs: 1, maxDelayIntervalMs: 9, retries: 1 },
          },
        },
        containerId: 'main',
      },
    },
  }),
  JobDescriptor.fromPartial({
    ...common,
    containers: { first: full, second: full },
    jobSpec: {
      $case: 'mantis',
      value: {
        name: 'pipeline',
        jobSLA: { runtimeLimitSecs: 60, minRuntimeSecs: 1, durationType: 1, userProvidedType: '' },
        parameters: { a: 'b' },
        subscriptionTimeoutSecs: 60,
        stages: [
          {
            instances: { min: 1, max: 3, desired: 1 },
            containerId: 'first',
            retryPolicy: { policy: { $case: 'immediate', value: { retries: 1 } } },
            autoScalingPolicy: {
              increment: 1,
              decrement: 1,
              coolDownSecs: 1,
              strategies: {
                cpu: { scaleUpAbovePct: 80, scaleDownBelowPct: 20, rollingCount: { count: 1, of: 2 } },
              },
            },
          },
          { instances: { desired: 1 }, containerId: 'second' },
        ],
      },
    },
  }),
];

const oddTexts = [
  '',
  ' ',
  ',',
  '0',
  '-1',
  '1',
  '0.00000001',
  '9'.repeat(40),
  '1e400',
  'NaN',
  'true',
  'TRUE',
  'none',
  '\u0000',
  'ü💥',
  'x'.repeat(300),
  'x'.repeat(70_000),
  '__proto__',
  'constructor',
  'titus.x',
  'uniqueHost',
  '('.repeat(200),
  'NOT '.repeat(200),
  `zone like "${'*a'.repeat(500)}"`,
  'zone == "a" AND '.repeat(200),
  'free.cpu == "a"',
  'avg(',
  '% %',
  'addPercent 1000000',
  'sha256:',
  '../../etc/passwd',
  '99999/tcp',
];
const oddNumbers = [-1, 0, 1, 2, 60, 10_001, 2 ** 31, 2 ** 32 - 1, 2 ** 53 - 1, 2 ** 53, 1.5];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Mutation {
  readonly act: 'drop' | 'text' | 'number' | 'copy' | 'add';
  readonly at: number;
  readonly text: string;
  readonly number: number;
}

const aMutation: fc.Arbitrary<Mutation> = fc.record({
  act: fc.constantFrom('drop', 'text', 'text', 'text', 'number', 'number', 'copy', 'add'),
  at: fc.nat(500),
  text: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...oddTexts) }, fc.string({ maxLength: 20 })),
  number: fc.constantFrom(...oddNumbers),
});

/** A position in a message: the object and the key. */
interface Place {
  readonly holder: { [key: string]: Json } | Json[];
  readonly key: string;
}

function placesIn(value: Json, found: Place[] = []): readonly Place[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, part] of Object.entries(value)) {
    found.push({ holder: value, key });
    placesIn(part, found);
  }
  return found;
}

function put({ holder, key }: Place, value: Json | undefined): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1, ...(value === undefined ? [] : [value]));
  else if (value === undefined) delete holder[key];
  else holder[key] = value;
}

function mutate(json: Json, { act, at, text, number }: Mutation): void {
  const places = placesIn(json);
  const place = places[at % Math.max(1, places.length)];
  const other = places[(at * 7) % Math.max(1, places.length)];
  if (place === undefined || other === undefined) return;
  if (act === 'add')
    Object.defineProperty(place.holder, text, { value: 'x', enumerable: true, writable: true });
  else if (act === 'drop') put(place, undefined);
  else if (act === 'copy') put(place, structuredClone((other.holder as { [key: string]: Json })[other.key]));
  else put(place, act === 'text' ? text : number);
}

/**
 * Returns the bytes of a valid descriptor with this many changed parts; undefined if it cannot be encoded.
 */
function mutant(base: Descriptor, mutations: readonly Mutation[]): Buffer | undefined {
  try {
    const json = structuredClone(JobDescriptor.toJSON(base)) as Json;
    for (const mutation of mutations) mutate(json, mutation);
    return Buffer.from(JobDescriptor.encode(JobDescriptor.fromJSON(json)).finish());
  } catch {
    return undefined;
  }
}

/** Bytes of job descriptors, from valid ones to nonsense. */
export const aMutant: fc.Arbitrary<Buffer> = fc
  .tuple(fc.constantFrom(...bases), fc.array(aMutation, { maxLength: 4 }))
  .map(([base, mutations]) => mutant(base, mutations))
  .filter((bytes) => bytes !== undefined);

/** The same descriptors as messages, without those that cannot be encoded. */
export const aMutantDescriptor: fc.Arbitrary<Descriptor> = aMutant
  .map((bytes) => {
    try {
      return JobDescriptor.decode(bytes);
    } catch {
      return undefined;
    }
  })
  .filter((descriptor) => descriptor !== undefined);
