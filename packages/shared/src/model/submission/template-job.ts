/* The job that a cluster's template makes by itself, when no caller says anything. */
import { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import type { KnownAttributes } from '../expression/vocabulary.js';
import { clusterIdLabel, defaultClusterId } from '../job/job.js';
import type { ClusterView } from './clusters.js';
import { type ValidJob, type Violations, validateJob } from './validate.js';

/**
 * Tells on a job why some of its images were accepted without a digest. Callers cannot set it.
 */
export const imageResolutionLabel = 'berth.imageResolution';

const unresolved = 'skipped: no registry has been asked yet';

/**
 * Returns the complete descriptor of a job that the template alone defines, by the same rules as for
 * callers, or all faults that prevent it. Its owner is the template's, else the cluster's. An image given
 * by name alone stays unresolved: the leader resolves it next.
 */
export function jobOfTemplate(
  cluster: ClusterView,
  attributes?: () => KnownAttributes,
): ValidJob | Violations {
  const valid = validateJob(ownWords(cluster), {
    findCluster: (id) => (id === cluster.id ? cluster : undefined),
    ...(attributes === undefined ? {} : { attributes }),
  });
  return 'violations' in valid ? valid : { ...valid, descriptor: withNote(valid.descriptor) };
}

/** Returns the values that the job sets itself, so that a template may omit them. */
function ownWords({ id, record }: ClusterView): JobDescriptor {
  const { clusterSpec, owner, jobDescriptor } = record.descriptor ?? {};
  const own = (field: 'ownerEmail' | 'teamEmail') => jobDescriptor?.owner?.[field] || (owner?.[field] ?? '');
  return JobDescriptor.fromPartial({
    owner: { ownerEmail: own('ownerEmail'), teamEmail: own('teamEmail') },
    labels: id === defaultClusterId ? {} : { [clusterIdLabel]: id },
    ...(clusterSpec === undefined ? {} : { jobSpec: { $case: clusterSpec.$case, value: {} } }),
  });
}

function withNote(descriptor: JobDescriptor): JobDescriptor {
  const isUnresolved = Object.values(descriptor.containers).some(
    ({ image }) => image !== undefined && image.imageId === '' && !image.name.includes('@'),
  );
  return isUnresolved
    ? { ...descriptor, labels: { ...descriptor.labels, [imageResolutionLabel]: unresolved } }
    : descriptor;
}
