import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { z } from 'zod';
import { count, name, scalarText, strict, textMap } from './schema-parts.js';

/*
 * The API's own JobDescriptor in Protobuf's JSON mapping. Only the form is checked here, since the mapping
 * ignores unknown fields. The gateway checks the meaning.
 */

/** 64-bit numbers are numbers or texts. */
const long = z
  .union([z.int().min(0), z.string().regex(/^\d{1,15}$/)], {
    error: 'must be a whole number that is not negative',
  })
  .transform(Number);

const flag = z.boolean({ error: 'must be true or false' });
const texts = z.array(scalarText, { error: 'must be a list' });

/** In this mapping null means an absent field. */
function optional<T extends z.ZodType>(type: T) {
  return type.nullish().transform((value) => value ?? undefined);
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

const constraints = strict({ constraints: optional(textMap), expression: optional(name) });

const container = strict({
  resources: optional(textMap),
  securityProfile: optional(textMap),
  image: optional(strict({ imageId: optional(name), name: optional(name) })),
  parameters: optional(textMap),
  entryPoint: optional(texts),
  command: optional(texts),
  env: optional(textMap),
  softConstraints: optional(constraints),
  hardConstraints: optional(constraints),
});

const batch = strict({
  instances: optional(instances),
  runtimeLimitSecs: optional(long),
  retryPolicy: optional(retryPolicy),
  containerId: optional(name),
});

const scalingPolicy = strict({
  condition: optional(name),
  action: optional(name),
  durationSecs: optional(long),
  labels: optional(textMap),
});

const service = strict({
  instances: optional(instances),
  enabled: optional(flag),
  scalingPolices: optional(z.array(scalingPolicy)),
  retryPolicy: optional(retryPolicy),
  containerId: optional(name),
});

const strategy = strict({
  reason: optional(name),
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
  containerId: optional(name),
  retryPolicy: optional(retryPolicy),
  autoScalingPolicy: optional(autoScalingPolicy),
});

const mantis = strict({
  name: optional(name),
  jobSLA: optional(
    strict({
      runtimeLimitSecs: optional(long),
      minRuntimeSecs: optional(long),
      durationType: optional(z.enum(['Perpetual', 'Transient'], { error: 'must be Perpetual or Transient' })),
      userProvidedType: optional(name),
    }),
  ),
  parameters: optional(textMap),
  subscriptionTimeoutSecs: optional(long),
  stages: optional(z.array(stage)),
});

/** The full form of a job: a netflix.titus.JobDescriptor. */
export const fullForm = strict({
  owner: optional(strict({ ownerEmail: optional(name), teamEmail: optional(name) })),
  appName: optional(name),
  jobGroupInfo: optional(
    strict({ stack: optional(name), detail: optional(name), sequence: optional(scalarText) }),
  ),
  labels: optional(textMap),
  containers: optional(z.record(z.string(), container)),
  batch: optional(batch),
  service: optional(service),
  mantis: optional(mantis),
}).superRefine(oneOf(['batch', 'service', 'mantis']));

export type FullForm = z.output<typeof fullForm>;

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
