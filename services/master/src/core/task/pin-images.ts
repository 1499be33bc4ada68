/* The digests of a job's images, by the answers of registries and by the reports of its tasks. */
import type { JobRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { containerOf } from '@berth/shared/model/job/job';
import { imageDigestKey, isPin, unpinnedName, withPins } from '@berth/shared/model/submission/image-pins';
import { imageResolutionLabel } from '@berth/shared/model/submission/template-job';

/** Returns the reason, for the label of a job. */
export function unresolvedFor(why: string): string {
  return `skipped: ${why}`.slice(0, 1_000);
}

/**
 * Returns the job with the leader's resolution: a descriptor with digests, or the reason if there is none.
 * The job does not wait for the leader any more. Undefined if it does not wait.
 */
export function resolvedBy(job: JobRecord, answer: JobDescriptor | string): JobRecord | undefined {
  const { descriptor, resolveImagesUntilMs } = job;
  if (descriptor === undefined || resolveImagesUntilMs === undefined) return undefined;
  if (typeof answer === 'string')
    return { ...job, descriptor: withNote(descriptor, answer), resolveImagesUntilMs: undefined };
  const digests = new Map<string, string>();
  for (const { image } of Object.values(answer.containers))
    if (image !== undefined && image.imageId !== '') digests.set(image.name, image.imageId);
  const note = answer.labels[imageResolutionLabel];
  return {
    ...job,
    descriptor: withNote(withPins(descriptor, digests), note),
    resolveImagesUntilMs: undefined,
  };
}

/**
 * Returns the job with the digests that its tasks run. The first report of an image counts. Undefined if no
 * task has reported one that the job lacks.
 */
export function pinnedByTasks(job: JobRecord, tasks: readonly TaskRecord[]): JobRecord | undefined {
  const { descriptor } = job;
  if (descriptor === undefined) return undefined;
  const digests = new Map<string, string>();
  for (const { stage, task } of tasks) {
    const name = unpinnedName(containerOf(descriptor, stage)?.image);
    const digest = task?.taskContext[imageDigestKey] ?? '';
    if (name !== undefined && isPin(digest) && !digests.has(name)) digests.set(name, digest);
  }
  if (digests.size === 0) return undefined;
  const names = [...digests.keys()].join(', ');
  const before = descriptor.labels[imageResolutionLabel];
  const note = `the first task pinned ${names}${before === undefined ? '' : `; ${before}`}`;
  return { ...job, descriptor: withNote(withPins(descriptor, digests), note) };
}

function withNote(descriptor: JobDescriptor, note: string | undefined): JobDescriptor {
  const { [imageResolutionLabel]: _, ...labels } = descriptor.labels;
  return {
    ...descriptor,
    labels: note === undefined ? labels : { ...labels, [imageResolutionLabel]: note.slice(0, 1_000) },
  };
}
