import type { z } from 'zod';
import type { JobDescriptor, Owner } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import { constraintViolations } from '../expression/constraints.js';
import { type KnownAttributes, knownAttributes } from '../expression/vocabulary.js';
import { clusterIdLabel, defaultClusterId, instancesOf, jobKind, retryPolicyOf } from '../job/job.js';
import { preferenceViolations } from '../job/placement-preferences.js';
import { retryOptionViolations } from '../job/retry-options.js';
import { noStage, stageSpec } from '../job/stages.js';
import { type ClusterView, clusterKind, unstoredCluster } from './clusters.js';
import { type DescriptorFields, descriptorSchema, isEmail } from './descriptor-schema.js';
import { mergeDescriptor } from './merge.js';

/** The inputs of a validation besides the descriptor itself. */
export interface Submission {
  /** From the caller's security context. */
  readonly callerEmail?: string;
  /** From the metadata header of the label's name. */
  readonly clusterId?: string;
  /** Finds the cluster of that id. Without it there is only the built-in one. */
  readonly findCluster?: (id: string) => ClusterView | undefined;
  /** Returns the attributes that constraints may name. Without it only the standard ones are known. */
  readonly attributes?: () => KnownAttributes;
}

/** A descriptor with every default filled in, and the cluster that the job belongs to. */
export interface ValidJob {
  readonly descriptor: JobDescriptor;
  readonly cluster: ClusterView;
}

export interface Violations {
  readonly violations: readonly FieldViolation[];
}

/** The names of jobs without one. */
const defaultAppNames = { batch: 'batch-job', service: 'service-job', mantis: 'mantis-job' } as const;

/**
 * Returns the complete descriptor of a submitted job: merged over its cluster's template, with every
 * default. Returns all violations if it is invalid.
 */
export function validateJob(own: JobDescriptor, submission: Submission): ValidJob | Violations {
  const { findCluster = unstoredCluster } = submission;
  const named = namesOfCluster(own, submission);
  const cluster = findCluster(named[0]?.id ?? defaultClusterId);
  const template = cluster?.record.descriptor?.jobDescriptor;
  const descriptor = template === undefined ? own : mergeDescriptor(template, own);
  const violations = [
    ...descriptorIssues(descriptor).map(toViolation),
    ...placementViolations(descriptor, submission),
    ...ownerViolations(descriptor.owner, submission),
    ...clusterViolations(named, findCluster),
    ...(cluster === undefined ? [] : kindViolations(descriptor, cluster)),
  ];
  if (violations.length > 0 || cluster === undefined) return { violations };
  return { descriptor: complete(descriptor, submission), cluster };
}

/** Returns the issues that the schema finds in a descriptor. */
export function descriptorIssues(descriptor: JobDescriptor): readonly z.core.$ZodIssue[] {
  return descriptorSchema.safeParse(fieldsOf(descriptor)).error?.issues ?? [];
}

export function toViolation(issue: z.core.$ZodIssue): FieldViolation {
  return { field: formatPath(issue.path), description: issue.message };
}

function fieldsOf({ jobSpec, ...rest }: JobDescriptor): DescriptorFields {
  return jobSpec === undefined ? rest : { ...rest, [jobSpec.$case]: jobSpec.value };
}

/**
 * Keys that a caller chooses and list indexes stand in brackets, as in `labels["a b"]`. Names of the
 * contract follow a dot.
 */
function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => {
      if (isFreeKey(path, index)) return `[${JSON.stringify(part)}]`;
      return index === 0 ? String(part) : `.${String(part)}`;
    })
    .join('');
}

function isFreeKey(path: readonly PropertyKey[], index: number): boolean {
  if (typeof path[index] === 'number') return true;
  if (index === 2 && path[0] === 'mantis') return path[1] === 'parameters';
  if (index === 1) return path[0] === 'labels' || path[0] === 'containers';
  return index === 3 && path[0] === 'containers' && (path[2] === 'env' || path[2] === 'parameters');
}

/** Returns the violations of the containers' constraints, and of the preferences and labels of the job. */
export function placementViolations(
  descriptor: JobDescriptor,
  { attributes = () => knownAttributes([]) }: Pick<Submission, 'attributes'>,
): readonly FieldViolation[] {
  const constrained = Object.entries(descriptor.containers).filter(
    ([, { hardConstraints, softConstraints }]) =>
      hardConstraints !== undefined || softConstraints !== undefined,
  );
  const known = constrained.length === 0 ? undefined : attributes();
  return [
    ...preferenceViolations(descriptor),
    ...retryOptionViolations(descriptor),
    ...constrained.flatMap(([id, container]) =>
      known === undefined ? [] : constraintViolations(container, `containers[${JSON.stringify(id)}]`, known),
    ),
  ];
}

/** Returns the missing parts of an owner that the caller's identity cannot supply. */
export function ownerViolations(
  owner: Owner | undefined,
  { callerEmail = '' }: Pick<Submission, 'callerEmail'>,
): FieldViolation[] {
  const missing = (['ownerEmail', 'teamEmail'] as const).filter((field) => (owner?.[field] ?? '') === '');
  if (missing.length === 0 || isEmail(callerEmail)) return [];
  const why = callerEmail === '' ? 'the caller has given none' : 'that of the caller is none';
  if (missing.length === 2)
    return [{ field: 'owner', description: `is required: set both e-mail addresses, since ${why}` }];
  return missing.map((field) => ({ field: `owner.${field}`, description: `is required, since ${why}` }));
}

/** A field that names a job's cluster, and the name in it. */
interface ClusterName {
  readonly field: string;
  readonly id: string;
}

function namesOfCluster({ labels }: JobDescriptor, { clusterId }: Submission): readonly ClusterName[] {
  const label = Object.hasOwn(labels, clusterIdLabel) ? labels[clusterIdLabel] : undefined;
  return [
    ...(label === undefined ? [] : [{ field: `labels[${JSON.stringify(clusterIdLabel)}]`, id: label }]),
    ...(clusterId === undefined ? [] : [{ field: `metadata ${clusterIdLabel}`, id: clusterId }]),
  ];
}

function clusterViolations(
  named: readonly ClusterName[],
  findCluster: NonNullable<Submission['findCluster']>,
): FieldViolation[] {
  const [first, second] = named;
  const unknown = named
    .filter(({ id }) => findCluster(id) === undefined)
    .map(({ field, id }) => ({ field, description: `there is no job cluster ${quote(id)}` }));
  if (first === undefined || second === undefined || first.id === second.id) return unknown;
  const description = `names job cluster ${quote(second.id)}, but ${first.field} names ${quote(first.id)}`;
  return [...unknown, { field: second.field, description }];
}

/** A cluster takes jobs of its own kind only. */
function kindViolations(descriptor: JobDescriptor, cluster: ClusterView): FieldViolation[] {
  const [takes, is] = [clusterKind(cluster), jobKind(descriptor)];
  if (takes === undefined || is === undefined || takes === is) return [];
  return [{ field: is, description: `job cluster ${quote(cluster.id)} takes ${takes} jobs only` }];
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** Returns the owner, with unset fields from the caller. */
export function completeOwner(owner: Owner | undefined, callerEmail = ''): Owner {
  return { ownerEmail: owner?.ownerEmail || callerEmail, teamEmail: owner?.teamEmail || callerEmail };
}

/** Fills in the defaults of a descriptor that is valid. */
function complete(descriptor: JobDescriptor, { callerEmail }: Submission): JobDescriptor {
  const { appName } = descriptor;
  const kind = jobKind(descriptor) ?? 'batch';
  return {
    ...descriptor,
    owner: completeOwner(descriptor.owner, callerEmail),
    appName: appName === '' ? defaultAppNames[kind] : appName,
    jobSpec: completeSpec(descriptor),
  };
}

function completeSpec(descriptor: JobDescriptor): JobDescriptor['jobSpec'] {
  const spec = descriptor.jobSpec;
  if (spec === undefined) return spec;
  if (spec.$case === 'mantis') {
    const stages = spec.value.stages.map((each, index) => ({
      ...each,
      ...completeStage(descriptor, index + 1),
    }));
    return { $case: 'mantis', value: { ...spec.value, stages } };
  }
  const common = completeStage(descriptor, noStage);
  if (spec.$case === 'batch') return { $case: 'batch', value: { ...spec.value, ...common } };
  return { $case: 'service', value: { ...spec.value, ...common, enabled: spec.value.enabled ?? true } };
}

function completeStage(descriptor: JobDescriptor, stage: number) {
  return {
    instances: instancesOf(descriptor, stage),
    retryPolicy: { policy: retryPolicyOf(descriptor, stage) },
    containerId: stageSpec(descriptor, stage)?.containerId || (Object.keys(descriptor.containers)[0] ?? ''),
  };
}
