import { JobDescriptor, type Owner } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { clusterIdLabel } from '@berth/shared/model/job/job';
import { retriesLabel, retryRuntimeLimitLabel } from '@berth/shared/model/job/retry-options';
import { z } from 'zod';
import { containerFields, imageBaseName, taskFields, toContainer, toTaskSpec } from './container-form.js';
import { scalingField } from './scaling-form.js';
import { durationUpTo, filled, flag, form, strict, text, textMap } from './schema-parts.js';

/** The id of the only container of a job in the short form. */
const containerId = 'main';

const owner = z.union([filled, strict({ ownerEmail: text.default(''), teamEmail: text.default('') })], {
  error: 'must be an e-mail address, or a map with ownerEmail and teamEmail',
});

/** A limit of 0 would be none at all. */
export const runtimeLimit = durationUpTo('3650d').refine((ms) => ms > 0, {
  error: 'must be more than 0; without this field there is no limit',
});

/** The fields that all short forms share. */
export const headFields = {
  name: filled.optional(),
  cluster: filled.optional(),
  owner: owner.optional(),
  team: filled.optional(),
  group: strict({
    stack: text.default(''),
    detail: text.default(''),
    sequence: text.default(''),
  }).optional(),
  labels: textMap.default({}),
};

const head = form(headFields);

/** The short form of a job: one container, with flat fields. docs/job-files.md describes each field. */
export const shortForm = form({
  ...headFields,
  type: z.enum(['batch', 'service'], { error: 'must be batch or service' }).default('batch'),
  ...containerFields,
  ...taskFields,
  runtimeLimit: runtimeLimit.optional(),
  retryRuntimeLimit: flag.optional(),
  scaling: scalingField.optional(),
}).superRefine((job, context) => {
  if (job.type === 'batch' && job.scaling !== undefined) {
    context.addIssue({ code: 'custom', path: ['scaling'], message: 'is for services only' });
  }
  if (job.type === 'batch') return;
  for (const field of ['runtimeLimit', 'retryRuntimeLimit'] as const)
    if (job[field] !== undefined)
      context.addIssue({ code: 'custom', path: [field], message: 'is for batch jobs only' });
  refuseNever(job, context);
});

/** A service or a stage replaces each task that ends. */
export function refuseNever({ retries }: Pick<ShortForm, 'retries'>, context: z.RefinementCtx): void {
  if (retries?.isNever === true)
    context.addIssue({ code: 'custom', path: ['retries'], message: 'never is for batch jobs only' });
}

type ShortForm = z.output<typeof shortForm>;

/** Converts the short form into a descriptor. */
export function fromShortForm(job: ShortForm): JobDescriptor {
  return JobDescriptor.fromPartial({
    ...toHead(job),
    labels: { ...toHead(job).labels, ...retryLabels(job) },
    appName: job.name ?? imageBaseName(job.image),
    containers: { [containerId]: toContainer(job) },
    jobSpec: toSpec(job),
  });
}

function retryLabels({ retries, retryRuntimeLimit }: ShortForm): Readonly<Record<string, string>> {
  return {
    ...(retries?.isNever === true ? { [retriesLabel]: 'never' } : {}),
    ...(retryRuntimeLimit === undefined ? {} : { [retryRuntimeLimitLabel]: String(retryRuntimeLimit) }),
  };
}

/** Returns the fields of a descriptor about the whole job. */
export function toHead(job: z.output<typeof head>) {
  return {
    appName: job.name ?? '',
    owner: toOwner(job),
    jobGroupInfo: job.group,
    labels: { ...job.labels, ...(job.cluster === undefined ? {} : { [clusterIdLabel]: job.cluster }) },
  };
}

function toOwner({ owner: given, team }: z.output<typeof head>): Owner | undefined {
  if (given === undefined && team === undefined) return undefined;
  const own = typeof given === 'object' ? given : { ownerEmail: given ?? '', teamEmail: '' };
  return { ...own, teamEmail: team ?? own.teamEmail };
}

function toSpec(job: ShortForm): JobDescriptor['jobSpec'] {
  const common = { ...toTaskSpec(job), containerId };
  if (job.type === 'service')
    return { $case: 'service', value: { ...common, enabled: undefined, scalingPolices: job.scaling ?? [] } };
  return {
    $case: 'batch',
    value: { ...common, runtimeLimitSecs: Math.ceil((job.runtimeLimit ?? 0) / 1000) },
  };
}
