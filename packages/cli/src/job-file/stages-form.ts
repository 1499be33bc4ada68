import {
  type DeepPartial,
  JobDescriptor,
  type MantisAutoScalingPolicy,
  type MantisJobSpec,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { z } from 'zod';
import { containerFields, taskFields, toContainer, toTaskSpec } from './container-form.js';
import { count, duration, filled, flag, form, strict, textMap, textOr } from './schema-parts.js';
import { headFields, refuseNever, runtimeLimit, toHead } from './short-form.js';

const strategy = strict({
  above: count.optional(),
  below: count.optional(),
  count: count.optional(),
  of: count.optional(),
});

const scaling = strict({
  increment: count.optional(),
  decrement: count.optional(),
  coolDown: duration.optional(),
  strategies: z.record(z.string(), strategy, { error: 'must be a map, such as {CPU: {above: 80}}' }),
});

const stage = strict({ ...containerFields, ...taskFields, scaling: scaling.optional() }).superRefine(
  refuseNever,
);

const transientMap = strict({
  timeout: duration.refine((ms) => ms > 0, { error: 'must be more than 0' }).optional(),
  minRuntime: duration.optional(),
});

/**
 * `true` is an empty map. Without this field, or with `false`, the job does not end for want of subscribers.
 */
const transient = z
  .union([flag, transientMap], { error: 'must be true, or a map with timeout and minRuntime' })
  .transform((value) => (typeof value === 'object' ? value : value ? {} : undefined));

/**
 * The short form of a job with stages. Each stage is written like a job in the short form. docs/job-files.md
 * describes each field.
 */
export const stagesForm = form({
  ...headFields,
  name: textOr('is required: a text').refine((name) => name !== '', { error: 'is required: a text' }),
  stages: z.array(stage, { error: 'must be a list of stages' }).min(1, { error: 'must have a stage' }),
  runtimeLimit: runtimeLimit.optional(),
  transient: transient.optional(),
  userType: filled.optional(),
  parameters: textMap.default({}),
});

type StagesForm = z.output<typeof stagesForm>;

/** Converts the form into a descriptor. The containers are called `stage-1` and so on. */
export function fromStagesForm(job: StagesForm): JobDescriptor {
  const containers = job.stages.map((each, index) => [containerIdOf(index), toContainer(each)] as const);
  return JobDescriptor.fromPartial({
    ...toHead(job),
    containers: Object.fromEntries(containers),
    jobSpec: { $case: 'mantis', value: toSpec(job) },
  });
}

function containerIdOf(index: number): string {
  return `stage-${index + 1}`;
}

function toSpec(job: StagesForm): DeepPartial<MantisJobSpec> {
  const { timeout, minRuntime = 0 } = job.transient ?? {};
  return {
    name: job.name,
    jobSLA: {
      runtimeLimitSecs: secs(job.runtimeLimit ?? 0),
      minRuntimeSecs: secs(minRuntime),
      durationType: job.transient === undefined ? 0 : 1,
      userProvidedType: job.userType ?? '',
    },
    parameters: job.parameters,
    ...(timeout === undefined ? {} : { subscriptionTimeoutSecs: secs(timeout) }),
    stages: job.stages.map((each, index) => ({
      ...toTaskSpec(each),
      containerId: containerIdOf(index),
      ...(each.scaling === undefined ? {} : { autoScalingPolicy: toPolicy(each.scaling) }),
    })),
  };
}

function toPolicy(given: z.output<typeof scaling>): DeepPartial<MantisAutoScalingPolicy> {
  const strategies = Object.entries(given.strategies).map(([reason, { above, below, count: least, of }]) => {
    const rolling =
      least === undefined && of === undefined ? undefined : { count: least ?? 1, of: of ?? least ?? 1 };
    const pcts = { scaleUpAbovePct: above ?? 0, scaleDownBelowPct: below ?? 0 };
    return [reason, { reason, ...pcts, ...(rolling && { rollingCount: rolling }) }] as const;
  });
  return {
    increment: given.increment ?? 1,
    decrement: given.decrement ?? 1,
    coolDownSecs: secs(given.coolDown ?? 0),
    strategies: Object.fromEntries(strategies),
  };
}

function secs(ms: number): number {
  return Math.ceil(ms / 1000);
}
