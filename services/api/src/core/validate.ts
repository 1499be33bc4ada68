import type { JobDescriptor, Owner } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors';
import {
  clusterIdLabel,
  completeInstances,
  defaultClusterId,
  jobKind,
  retryPolicyOf,
} from '@berth/shared/model/job';
import { type DescriptorFields, descriptorSchema, isEmail } from './descriptor-schema.js';

/** What decides about a descriptor besides the descriptor itself. */
export interface Submission {
  /** From the caller's security context. */
  readonly callerEmail?: string;
  /** From the metadata header of the label's name. */
  readonly clusterId?: string;
}

/** A descriptor with every default filled in, and the cluster that the job belongs to. */
export interface ValidJob {
  readonly descriptor: JobDescriptor;
  readonly clusterId: string;
}

export interface Violations {
  readonly violations: readonly FieldViolation[];
}

/** Names of jobs whose descriptor has none. */
const defaultAppNames = { batch: 'batch-job', service: 'service-job', mantis: 'mantis-job' } as const;

/** The complete descriptor of a job that is asked for, or everything that is wrong with it. */
export function validateJob(descriptor: JobDescriptor, submission: Submission): ValidJob | Violations {
  const parsed = descriptorSchema.safeParse(fieldsOf(descriptor));
  const violations = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => ({
      field: formatPath(path),
      description: message,
    })),
    ...ownerViolations(descriptor.owner, submission),
    ...clusterViolations(descriptor, submission),
  ];
  if (violations.length > 0) return { violations };
  return { descriptor: complete(descriptor, submission), clusterId: defaultClusterId };
}

function fieldsOf({ jobSpec, ...rest }: JobDescriptor): DescriptorFields {
  return jobSpec === undefined ? rest : { ...rest, [jobSpec.$case]: jobSpec.value };
}

/** Keys of the caller's own choice stand in brackets, as in `labels["a b"]`; names of the contract after a dot. */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (isFreeKey(path, index)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? String(part) : `.${String(part)}`;
    })
    .join('');
}

function isFreeKey(path: readonly PropertyKey[], index: number): boolean {
  if (index === 1) return path[0] === 'labels' || path[0] === 'containers';
  return index === 3 && path[0] === 'containers' && (path[2] === 'env' || path[2] === 'parameters');
}

function ownerViolations(owner: Owner | undefined, { callerEmail = '' }: Submission): FieldViolation[] {
  const missing = (['ownerEmail', 'teamEmail'] as const).filter((field) => (owner?.[field] ?? '') === '');
  if (missing.length === 0 || isEmail(callerEmail)) return [];
  const why = callerEmail === '' ? 'the caller has told none' : 'that of the caller is none';
  if (missing.length === 2)
    return [{ field: 'owner', description: `is required: set both e-mail addresses, since ${why}` }];
  return missing.map((field) => ({ field: `owner.${field}`, description: `is required, since ${why}` }));
}

function clusterViolations({ labels }: JobDescriptor, { clusterId }: Submission): FieldViolation[] {
  const label = Object.hasOwn(labels, clusterIdLabel) ? labels[clusterIdLabel] : undefined;
  const named = [
    { field: `labels[${JSON.stringify(clusterIdLabel)}]`, id: label },
    { field: `metadata ${clusterIdLabel}`, id: clusterId },
  ];
  return named
    .filter(({ id }) => id !== undefined && id !== defaultClusterId)
    .map(({ field, id }) => ({
      field,
      description: `names job cluster ${JSON.stringify(id)}, but there is only "${defaultClusterId}"`,
    }));
}

/** Fills in the defaults of a descriptor that is valid. */
function complete(descriptor: JobDescriptor, { callerEmail = '' }: Submission): JobDescriptor {
  const { owner, appName } = descriptor;
  const kind = jobKind(descriptor) ?? 'batch';
  return {
    ...descriptor,
    owner: { ownerEmail: owner?.ownerEmail || callerEmail, teamEmail: owner?.teamEmail || callerEmail },
    appName: appName === '' ? defaultAppNames[kind] : appName,
    jobSpec: completeSpec(descriptor),
  };
}

function completeSpec(descriptor: JobDescriptor): JobDescriptor['jobSpec'] {
  const spec = descriptor.jobSpec;
  if (spec === undefined || spec.$case === 'mantis') return spec;
  const common = {
    instances: completeInstances(spec.value.instances),
    retryPolicy: { policy: retryPolicyOf(descriptor) },
    containerId: spec.value.containerId || (Object.keys(descriptor.containers)[0] ?? ''),
  };
  if (spec.$case === 'batch') return { $case: 'batch', value: { ...spec.value, ...common } };
  return { $case: 'service', value: { ...spec.value, ...common, enabled: spec.value.enabled ?? true } };
}
