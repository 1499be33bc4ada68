import { ClusterRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobClusterDescriptor, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { clusterIdLabel, defaultClusterId, jobKind } from '@berth/shared/model/job/job';
import { maxNameBytes } from '@berth/shared/model/job/limits';
import { clusterLimits, limitViolations } from '@berth/shared/model/schedule/cluster-limits';
import { parseSchedule } from '@berth/shared/model/schedule/schedule';
import { isEmail, isLeftOut } from '@berth/shared/model/submission/descriptor-schema';
import { jobOfTemplate } from '@berth/shared/model/submission/template-job';
import {
  completeOwner,
  descriptorIssues,
  ownerViolations,
  placementViolations,
  type Submission,
  toViolation,
  type Violations,
} from '@berth/shared/model/submission/validate';

/** The descriptor of a cluster, with its owner. */
interface ValidCluster {
  readonly descriptor: JobClusterDescriptor;
}

/** Facts besides the descriptor that the checks of a cluster need. */
export interface ClusterSubmission extends Pick<Submission, 'callerEmail' | 'attributes'> {
  /** The id of a cluster that exists. */
  readonly id?: string;
}

/** Stands for the id of a cluster that does not exist yet. */
const newClusterId = 'new';

/** Returns the complete descriptor of a requested cluster, or all violations. */
export function validateCluster(
  descriptor: JobClusterDescriptor,
  submission: ClusterSubmission,
): ValidCluster | Violations {
  const { jobDescriptor: template } = descriptor;
  const violations: FieldViolation[] = [
    ...nameViolations(descriptor.name),
    ...emailViolations(descriptor),
    ...ownerViolations(descriptor.owner, submission),
    ...specViolations(descriptor, submission.id),
    ...(template === undefined ? [] : templateViolations(template, descriptor, submission)),
    ...parseSchedule(descriptor).violations,
    ...limitViolations(descriptor),
  ];
  const complete = { ...descriptor, owner: completeOwner(descriptor.owner, submission.callerEmail) };
  if (violations.length === 0) violations.push(...startViolations(complete, submission));
  return violations.length > 0 ? { violations } : { descriptor: complete };
}

/** A cluster with a schedule needs a complete template. */
function startViolations(
  descriptor: JobClusterDescriptor,
  { id = newClusterId, attributes }: ClusterSubmission,
): readonly FieldViolation[] {
  const starts = parseSchedule(descriptor).schedule !== undefined || clusterLimits({ descriptor }).min > 0;
  if (!starts) return [];
  const record = ClusterRecord.fromPartial({ id, enabled: true, descriptor });
  const made = jobOfTemplate({ id, revision: 0, record }, attributes);
  if (!('violations' in made)) return [];
  return made.violations.map(({ field, description }) => ({
    field: `jobDescriptor.${field}`,
    description: `${description}; the cluster starts jobs by itself, so its template must have it`,
  }));
}

function nameViolations(name: string): FieldViolation[] {
  if (name.trim() === '') return [{ field: 'name', description: 'is required' }];
  if (Buffer.byteLength(name) <= maxNameBytes) return [];
  return [{ field: 'name', description: `is longer than ${maxNameBytes} bytes` }];
}

function emailViolations({ owner }: JobClusterDescriptor): FieldViolation[] {
  return (['ownerEmail', 'teamEmail'] as const)
    .filter((field) => (owner?.[field] ?? '') !== '' && !isEmail(owner?.[field] ?? ''))
    .map((field) => ({ field: `owner.${field}`, description: 'is not an e-mail address' }));
}

function specViolations({ clusterSpec }: JobClusterDescriptor, id: string | undefined): FieldViolation[] {
  if (id === defaultClusterId) {
    const description = `cannot be set: job cluster "${defaultClusterId}" takes jobs of every kind`;
    return clusterSpec === undefined ? [] : [{ field: clusterSpec.$case, description }];
  }
  return clusterSpec === undefined
    ? [{ field: 'clusterSpec', description: 'is required: set batch, service or mantis' }]
    : [];
}

/** A template may leave fields to its jobs. Its own fields must be valid. */
function templateViolations(
  template: JobDescriptor,
  { clusterSpec }: JobClusterDescriptor,
  submission: ClusterSubmission,
): FieldViolation[] {
  const kind = jobKind(template);
  const own = [
    ...descriptorIssues(template)
      .filter((issue) => !isLeftOut(issue))
      .map(toViolation),
    ...placementViolations(template, submission),
    ...(Object.hasOwn(template.labels, clusterIdLabel)
      ? [{ field: `labels["${clusterIdLabel}"]`, description: 'must not be in a template' }]
      : []),
    ...(kind !== undefined && clusterSpec !== undefined && clusterSpec.$case !== kind
      ? [{ field: kind, description: `is another kind than that of the cluster, ${clusterSpec.$case}` }]
      : []),
  ];
  return own.map(({ field, description }) => ({ field: `jobDescriptor.${field}`, description }));
}
