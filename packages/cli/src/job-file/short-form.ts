import type { RetryPolicy } from '@berth/shared/gen/netflix/titus/titus_base';
import {
  Container,
  JobDescriptor,
  type Owner,
  TaskInstances,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { clusterIdLabel } from '@berth/shared/model/job';
import { z } from 'zod';
import { argumentList, count, duration, name, scalarText, strict, textMap } from './schema-parts.js';

/** The id of the one container that a job in the short form has. */
export const containerId = 'main';

const owner = z.union([name, strict({ ownerEmail: name.default(''), teamEmail: name.default('') })], {
  error: 'must be an e-mail address, or a map with ownerEmail and teamEmail',
});

const env = z
  .union([textMap, z.array(z.string({ error: 'must be NAME=VALUE' }))], {
    error: 'must be a map of names to values, or a list of NAME=VALUE',
  })
  .transform((value) => (Array.isArray(value) ? Object.fromEntries(value.map(splitPair)) : value));

const port = z
  .int({ error: 'must be a port number' })
  .min(1, { error: 'must be from 1 to 65535' })
  .max(65_535, {
    error: 'must be from 1 to 65535',
  });
const ports = z.union([port.transform((only) => [only]), z.array(port)], {
  error: 'must be port numbers from 1 to 65535',
});

const instances = z.union(
  [
    count.transform((desired) => ({ desired })),
    strict({ min: count.optional(), max: count.optional(), desired: count.optional() }),
  ],
  { error: 'must be a whole number, or a map with min, max and desired' },
);

const retryMap = strict({
  times: count,
  policy: z
    .enum(['immediate', 'delayed', 'exponential'], { error: 'must be immediate, delayed or exponential' })
    .optional(),
  delay: duration.optional(),
  initialDelay: duration.optional(),
  maxDelay: duration.optional(),
});

const retries = z.union([count.transform((times): z.output<typeof retryMap> => ({ times })), retryMap], {
  error: 'must be a whole number, or a map with times, policy and delays',
});

const constraint = z
  .union([name, textMap], { error: 'must be an expression, or a map of constraints' })
  .transform((value) => (typeof value === 'string' ? { expression: value } : { constraints: value }));

/** The short form of a job: one container, said flatly. docs/job-files.md tells each field. */
export const shortForm = strict({
  name: name.optional(),
  type: z.enum(['batch', 'service'], { error: 'must be batch or service' }).default('batch'),
  cluster: name.optional(),
  owner: owner.optional(),
  team: name.optional(),
  group: strict({
    stack: name.default(''),
    detail: name.default(''),
    sequence: scalarText.default(''),
  }).optional(),
  labels: textMap.default({}),
  image: z
    .string({ error: 'must be the name of an image' })
    .min(1, { error: 'must be the name of an image' }),
  entrypoint: argumentList.default([]),
  command: argumentList.default([]),
  env: env.default({}),
  parameters: textMap.default({}),
  cpu: scalarText.optional(),
  memory: scalarText.optional(),
  disk: scalarText.optional(),
  network: scalarText.optional(),
  gpu: scalarText.optional(),
  ports: ports.optional(),
  resources: textMap.default({}),
  instances: instances.optional(),
  retries: retries.optional(),
  runtimeLimit: duration.optional(),
  constraints: strict({ hard: constraint.optional(), soft: constraint.optional() }).default({}),
  securityProfile: textMap.default({}),
}).superRefine((job, context) => {
  if (job.type === 'service' && job.runtimeLimit !== undefined) {
    context.addIssue({ code: 'custom', path: ['runtimeLimit'], message: 'is for batch jobs only' });
  }
});

export type ShortForm = z.output<typeof shortForm>;

/** What the API is asked for. */
export function fromShortForm(job: ShortForm): JobDescriptor {
  return JobDescriptor.fromPartial({
    appName: job.name ?? imageBaseName(job.image),
    owner: toOwner(job),
    jobGroupInfo: job.group,
    labels: { ...job.labels, ...(job.cluster === undefined ? {} : { [clusterIdLabel]: job.cluster }) },
    containers: { [containerId]: toContainer(job) },
    jobSpec: toSpec(job),
  });
}

function toOwner({ owner: given, team }: ShortForm): Owner | undefined {
  if (given === undefined && team === undefined) return undefined;
  const own = typeof given === 'object' ? given : { ownerEmail: given ?? '', teamEmail: '' };
  return { ...own, teamEmail: team ?? own.teamEmail };
}

function toContainer(job: ShortForm): Container {
  const amounts = {
    cpu: job.cpu,
    memory: job.memory,
    disk: job.disk,
    network: job.network,
    gpu: job.gpu,
    ports: job.ports?.join(),
  };
  const given = Object.entries(amounts).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { hard, soft } = job.constraints;
  return Container.fromPartial({
    image: /^[a-z0-9]+:[0-9a-f]{32,}$/.test(job.image) ? { imageId: job.image } : { name: job.image },
    resources: { ...job.resources, ...Object.fromEntries(given) },
    entryPoint: job.entrypoint,
    command: job.command,
    env: job.env,
    parameters: job.parameters,
    securityProfile: job.securityProfile,
    ...(hard === undefined ? {} : { hardConstraints: hard }),
    ...(soft === undefined ? {} : { softConstraints: soft }),
  });
}

function toSpec(job: ShortForm): JobDescriptor['jobSpec'] {
  const common = {
    instances: job.instances === undefined ? undefined : { ...TaskInstances.create(), ...job.instances },
    retryPolicy: toRetryPolicy(job.retries),
    containerId,
  };
  if (job.type === 'service')
    return { $case: 'service', value: { ...common, enabled: undefined, scalingPolices: [] } };
  return {
    $case: 'batch',
    value: { ...common, runtimeLimitSecs: Math.ceil((job.runtimeLimit ?? 0) / 1000) },
  };
}

type Retries = NonNullable<z.output<typeof retries>>;

/** Where no policy is named, the delays that are given tell which one is meant. */
function toRetryPolicy(given: Retries | undefined): RetryPolicy | undefined {
  if (given === undefined) return undefined;
  const { times, policy, delay, initialDelay, maxDelay } = given;
  const kind =
    policy ?? (maxDelay !== undefined ? 'exponential' : delay !== undefined ? 'delayed' : 'immediate');
  if (kind === 'immediate') return { policy: { $case: 'immediate', value: { retries: times } } };
  if (kind === 'delayed') {
    const delayMs = delay ?? initialDelay ?? defaultDelayMs;
    return {
      policy: {
        $case: 'delayed',
        value: { initialDelayMs: initialDelay ?? delayMs, delayMs, retries: times },
      },
    };
  }
  const initialDelayMs = initialDelay ?? delay ?? defaultDelayMs;
  const maxDelayIntervalMs = maxDelay ?? Math.max(defaultMaxDelayMs, initialDelayMs);
  return {
    policy: { $case: 'exponentialBackOff', value: { initialDelayMs, maxDelayIntervalMs, retries: times } },
  };
}

const defaultDelayMs = 1_000;
const defaultMaxDelayMs = 60_000;

/** `127.0.0.1:5000/team/web:1` is called `web`. */
function imageBaseName(image: string): string {
  const last = image.split('/').at(-1) ?? image;
  return last.split(/[:@]/)[0] ?? last;
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
