import type { RetryPolicy } from '@berth/shared/gen/netflix/titus/titus_base';
import { Container, TaskInstances } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { defaultMaxRetryDelayMs, defaultRetryDelayMs } from '@berth/shared/model/job/retry-policy';
import { parsePort } from '@berth/shared/model/resources/ports';
import { z } from 'zod';
import { toText } from './scalar.js';
import {
  argumentList,
  checkEnvironment,
  count,
  durationUpTo,
  environment,
  strict,
  text,
  textMap,
  textOr,
} from './schema-parts.js';

/** The fields of a container in a job file, of the number of its tasks, and of their retries. */

const pairs = z
  .array(z.string({ error: 'must be NAME=VALUE' }))
  .transform((list) => Object.fromEntries(list.map(splitPair)))
  .superRefine(checkEnvironment);

const env = z.union([environment, pairs], {
  error: 'must be a map of names to values, or a list of NAME=VALUE',
});

const port = z.preprocess(
  (given) => (typeof given === 'number' ? String(given) : toText(given)),
  z.string({ error: 'must be a port such as 80, 53/udp or 8080:80' }).superRefine((item, context) => {
    const parsed = parsePort(item);
    const hasZeros = /(^|:)0\d/.test(item);
    if (typeof parsed !== 'string' && !hasZeros) return;
    const isNumber = /^-?\d+$/.test(item) && !hasZeros;
    context.addIssue({ code: 'custom', message: isNumber ? 'must be from 1 to 65535' : portFault(parsed) });
  }),
);
const ports = z.union([port.transform((only) => [only]), z.array(port)], {
  error: 'must be a port such as 80, 53/udp or 8080:80, or a list of them',
});

const instances = z.union(
  [
    count.transform((desired) => ({ desired })),
    strict({ min: count.optional(), max: count.optional(), desired: count.optional() }),
  ],
  { error: 'must be a whole number, or a map with min, max and desired' },
);

/** The greatest delay that the cell takes. */
const retryDelay = durationUpTo('24h');

const retryMap = strict({
  times: count,
  policy: z
    .enum(['immediate', 'delayed', 'exponential'], { error: 'must be immediate, delayed or exponential' })
    .optional(),
  delay: retryDelay.optional(),
  initialDelay: retryDelay.optional(),
  maxDelay: retryDelay.optional(),
}).superRefine(({ policy, delay, initialDelay, maxDelay }, context) => {
  const given = Object.entries({ delay, initialDelay, maxDelay }).filter(([, ms]) => ms !== undefined);
  for (const [field] of given)
    if (policy === 'immediate' || (policy === 'delayed' && field === 'maxDelay'))
      context.addIssue({ code: 'custom', path: [field], message: `is not for the policy ${policy}` });
});

/** `isNever`: nothing is started a second time, not even after a failure of the system. */
type RetryForm = z.output<typeof retryMap> & { readonly isNever?: true };

const never = z
  .preprocess(toText, z.literal('never'))
  .transform((): RetryForm => ({ times: 0, isNever: true }));

const retries = z.union(
  [
    count.transform((times): RetryForm => ({ times })),
    retryMap.transform((given): RetryForm => given),
    never,
  ],
  { error: 'must be a whole number, never, or a map with times, policy and delays' },
);

const constraint = z
  .union([text, textMap], { error: 'must be an expression, or a map of constraints' })
  .transform((value) => (typeof value === 'string' ? { expression: value } : { constraints: value }));

const imageName = 'must be the name of an image';

/** The fields of a container. */
export const containerFields = {
  image: textOr(imageName).refine((image) => image !== '', { error: imageName }),
  entrypoint: argumentList
    .refine((words) => words.length > 0, {
      error: "must have a word; without this field the image's own entry point runs",
    })
    .default([]),
  command: argumentList.default([]),
  env: env.default({}),
  parameters: textMap.default({}),
  // The gateway checks the amounts, together with everything else.
  cpu: text.optional(),
  memory: text.optional(),
  disk: text.optional(),
  network: text.optional(),
  gpu: text.optional(),
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

/** Derives the policy from the given delays if no policy is named. */
function toRetryPolicy(given: RetryForm | undefined): RetryPolicy | undefined {
  if (given === undefined) return undefined;
  const { times, policy, delay, initialDelay, maxDelay } = given;
  const kind =
    policy ??
    (maxDelay !== undefined ? 'exponential' : delay !== undefined ? 'delayed' : kindOf(initialDelay));
  if (kind === 'immediate') return { policy: { $case: 'immediate', value: { retries: times } } };
  if (kind === 'delayed') {
    const delayMs = delay ?? initialDelay ?? defaultRetryDelayMs;
    return {
      policy: {
        $case: 'delayed',
        value: { initialDelayMs: initialDelay ?? delayMs, delayMs, retries: times },
      },
    };
  }
  const initialDelayMs = initialDelay ?? delay ?? defaultRetryDelayMs;
  const maxDelayIntervalMs = maxDelay ?? Math.max(defaultMaxRetryDelayMs, initialDelayMs);
  return {
    policy: { $case: 'exponentialBackOff', value: { initialDelayMs, maxDelayIntervalMs, retries: times } },
  };
}

/** An initial delay alone is the first of growing delays. */
function kindOf(initialDelay: number | undefined): 'exponential' | 'immediate' {
  return initialDelay === undefined ? 'immediate' : 'exponential';
}

/** Returns `web` for `127.0.0.1:5000/team/web:1`. */
export function imageBaseName(image: string): string {
  const last = image.split('/').at(-1) ?? image;
  return last.split(/[:@]/)[0] ?? last;
}

function portFault(parsed: ReturnType<typeof parsePort>): string {
  return typeof parsed === 'string' ? parsed : 'ports are written without zeros in front';
}

function splitPair(pair: string): [string, string] {
  const equals = pair.indexOf('=');
  return equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
}
