import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { z } from 'zod';
import { PlainScalar, toText } from './scalar.js';
import { count, environment, flag, form, strict, text, textMap } from './schema-parts.js';

/*
 * The API's own JobDescriptor in Protobuf's JSON mapping. Only the form is checked here, since the mapping
 * ignores unknown fields. The gateway checks the meaning.
 */

const wholeNumber = 'must be a whole number that is not negative';

/** 64-bit numbers are numbers or texts. */
const long = z
  .preprocess(toText, z.string({ error: wholeNumber }).regex(/^\d{1,15}$/, { error: wholeNumber }))
  .transform(Number);

const texts = z.array(text, { error: 'must be a list' });

/** In this mapping null means an absent field. */
function optional<T extends z.ZodType>(type: T) {
  return z.preprocess(
    (given) => (given instanceof PlainScalar && given.value === null ? undefined : given),
    type.optional(),
  );
}

const instances = strict({ min: optional(count), max: optional(count), desired: optional(count) });

const retryPolicy = strict({
  immediate: optional(strict({ retries: optional(count) })),
  delayed: optional(
    strict({ initialDelayMs: optional(long), delayMs: optional(long), retries: optional(count) }),
  ),
  exponentialBackOff: optional(
    strict({ initialDelayMs: optional(long), maxDelayIntervalMs: optional(long), retries: optional(count) }),
  ),
}).superRefine(oneOf(['immediate', 'delayed', 'exponentialBackOff']));

const constraints = strict({ constraints: optional(textMap), expression: optional(text) });

const container = strict({
  resources: optional(textMap),
  securityProfile: optional(textMap),
  image: optional(strict({ imageId: optional(text), name: optional(text) })),
  parameters: optional(textMap),
  entryPoint: optional(texts),
  command: optional(texts),
  env: optional(environment),
  softConstraints: optional(constraints),
  hardConstraints: optional(constraints),
});

const batch = strict({
  instances: optional(instances),
  runtimeLimitSecs: optional(long),
  retryPolicy: optional(retryPolicy),
  containerId: optional(text),
});

const scalingPolicy = strict({
  condition: optional(text),
  action: optional(text),
  durationSecs: optional(long),
  labels: optional(textMap),
});

const service = strict({
  instances: optional(instances),
  enabled: optional(flag),
  scalingPolices: optional(z.array(scalingPolicy)),
  retryPolicy: optional(retryPolicy),
  containerId: optional(text),
});

const strategy = strict({
  reason: optional(text),
  scaleDownBelowPct: optional(count),
  scaleUpAbovePct: optional(count),
  rollingCount: optional(strict({ count: optional(count), of: optional(count) })),
});

const autoScalingPolicy = strict({
  increment: optional(count),
  decrement: optional(count),
  coolDownSecs: optional(long),
  strategies: optional(z.record(z.string(), strategy)),
});

const stage = strict({
  instances: optional(instances),
  containerId: optional(text),
  retryPolicy: optional(retryPolicy),
  autoScalingPolicy: optional(autoScalingPolicy),
});

const mantis = strict({
  name: optional(text),
  jobSLA: optional(
    strict({
      runtimeLimitSecs: optional(long),
      minRuntimeSecs: optional(long),
      durationType: optional(z.enum(['Perpetual', 'Transient'], { error: 'must be Perpetual or Transient' })),
      userProvidedType: optional(text),
    }),
  ),
  parameters: optional(textMap),
  subscriptionTimeoutSecs: optional(long),
  stages: optional(z.array(stage)),
});

/** The full form of a job: a netflix.titus.JobDescriptor. */
export const fullForm = form({
  owner: optional(strict({ ownerEmail: optional(text), teamEmail: optional(text) })),
  appName: optional(text),
  jobGroupInfo: optional(strict({ stack: optional(text), detail: optional(text), sequence: optional(text) })),
  labels: optional(textMap),
  containers: optional(z.record(z.string(), container)),
  batch: optional(batch),
  service: optional(service),
  mantis: optional(mantis),
}).superRefine(oneOf(['batch', 'service', 'mantis']));

type FullForm = z.output<typeof fullForm>;

export function fromFullForm(job: FullForm): JobDescriptor {
  return JobDescriptor.fromJSON(job);
}

/** At most one of these fields may be present. */
function oneOf(fields: readonly string[]) {
  return (value: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void => {
    const given = fields.filter((field) => value[field] !== undefined);
    if (given.length > 1) context.addIssue(`has ${given.join(' and ')}, but only one of them is allowed`);
  };
}
