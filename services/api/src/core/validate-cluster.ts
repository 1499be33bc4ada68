import type { JobClusterDescriptor, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors';
import { clusterIdLabel, defaultClusterId, jobKind } from '@berth/shared/model/job';
import { isEmail, isLeftOut } from './descriptor-schema.js';
import { maxNameBytes } from './limits.js';
import {
  completeOwner,
  descriptorIssues,
  ownerViolations,
  placementViolations,
  type Submission,
  toViolation,
  type Violations,
} from './validate.js';

/** The descriptor of a cluster, its owner filled in. */
export interface ValidCluster {
  readonly descriptor: JobClusterDescriptor;
}

/** What decides about a cluster besides its descriptor. */
export interface ClusterSubmission extends Pick<Submission, 'callerEmail' | 'attributes'> {
  /** The id of a cluster that is there already. */
  readonly id?: string;
}

/** The complete descriptor of a cluster that is asked for, or everything that is wrong with it. */
export function validateCluster(
  descriptor: JobClusterDescriptor,
  submission: ClusterSubmission,
): ValidCluster | Violations {
  const { jobDescriptor: template } = descriptor;
  const violations = [
    ...nameViolations(descriptor.name),
    ...emailViolations(descriptor),
    ...ownerViolations(descriptor.owner, submission),
    ...specViolations(descriptor, submission.id),
    ...(template === undefined ? [] : templateViolations(template, descriptor, submission)),
  ];
  if (violations.length > 0) return { violations };
  return { descriptor: { ...descriptor, owner: completeOwner(descriptor.owner, submission.callerEmail) } };
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
  if (clusterSpec === undefined)
    return [{ field: 'clusterSpec', description: 'is required: set batch or service' }];
  return clusterSpec.$case === 'mantis'
    ? [{ field: 'mantis', description: 'is not supported by this version: there are no Mantis jobs yet' }]
    : [];
}

/** A template may leave out what its jobs then have to say; what it does say must be right. */
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
      ? [{ field: `labels["${clusterIdLabel}"]`, description: 'has no place in a template' }]
      : []),
    ...(kind !== undefined && clusterSpec !== undefined && clusterSpec.$case !== kind
      ? [{ field: kind, description: `is another kind than that of the cluster, ${clusterSpec.$case}` }]
      : []),
  ];
  return own.map(({ field, description }) => ({ field: `jobDescriptor.${field}`, description }));
}
