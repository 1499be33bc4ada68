import type { RetryPolicy } from '@berth/shared/gen/netflix/titus/titus_base';
import { Container, TaskInstances } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { z } from 'zod';
import { argumentList, count, duration, name, scalarText, strict, textMap } from './schema-parts.js';

/** The fields of a container in a job file, of the number of its tasks, and of their retries. */

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

/** The fields of a container. */
export const containerFields = {
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
  constraints: strict({ hard: constraint.optional(), soft: constraint.optional() }).default({}),
  securityProfile: textMap.default({}),
};

/** The fields of the tasks that run the container. */
export const taskFields = { instances: instances.optional(), retries: retries.optional() };

const containerForm = strict(containerFields);
const taskForm = strict(taskFields);

type ContainerForm = z.output<typeof containerForm>;
type TaskForm = z.output<typeof taskForm>;

export function toContainer(form: ContainerForm): Container {
  const amounts = {
    cpu: form.cpu,
    memory: form.memory,
    disk: form.disk,
    network: form.network,
    gpu: form.gpu,
    ports: form.ports?.join(),
  };
  const given = Object.entries(amounts).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { hard, soft } = form.constraints;
  return Container.fromPartial({
    image: /^[a-z0-9]+:[0-9a-f]{32,}$/.test(form.image) ? { imageId: form.image } : { name: form.image },
    resources: { ...form.resources, ...Object.fromEntries(given) },
    entryPoint: form.entrypoint,
    command: form.command,
    env: form.env,
    parameters: form.parameters,
    securityProfile: form.securityProfile,
    ...(hard === undefined ? {} : { hardConstraints: hard }),
    ...(soft === undefined ? {} : { softConstraints: soft }),
  });
}

/** Returns the fields of a spec about its tasks. */
export function toTaskSpec({ instances: given, retries: retry }: TaskForm) {
  return {
    instances: given === undefined ? undefined : { ...TaskInstances.create(), ...given },
    retryPolicy: toRetryPolicy(retry),
  };
}

type Retries = NonNullable<z.output<typeof retries>>;

/** Derives the policy from the given delays if no policy is named. */
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

/** Returns `web` for `127.0.0.1:5000/team/web:1`. */
export function imageBaseName(image: string): string {
  const last = image.split('/').at(-1) ?? image;
  return last.split(/[:@]/)[0] ?? last;
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
