/*
 * The images of a job that may still change: a tag of a stated registry without a digest. A name without a
 * registry is never pinned, because the image may exist on engines alone.
 */
import type { Container, Image, JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { parseImageRef, statedRegistry } from './image-ref.js';

/** The key of a task's context that has the digest that its agent runs, if the job's image has none. */
export const imageDigestKey = 'task.imageDigest';

/** The longest time that a job waits for the leader to resolve its images. */
export const resolutionLimitMs = 10_000;

/** Returns the name of an image that a digest must still pin. */
export function unpinnedName(image: Image | undefined): string | undefined {
  if (image === undefined || image.imageId !== '' || image.name === '') return undefined;
  const ref = parseImageRef(image.name);
  if (ref === undefined || ref.digest !== undefined) return undefined;
  return statedRegistry(ref) === undefined ? undefined : image.name;
}

/** Returns true if a digest must still pin an image of the job. */
export function isUnpinned(descriptor: JobDescriptor | undefined): boolean {
  return Object.values(descriptor?.containers ?? {}).some(({ image }) => unpinnedName(image) !== undefined);
}

/** Returns the descriptor with a digest for each unpinned image that has one in the map, by name. */
export function withPins(descriptor: JobDescriptor, digests: ReadonlyMap<string, string>): JobDescriptor {
  const pinned = (container: Container): Container => {
    const { image } = container;
    const digest = digests.get(unpinnedName(image) ?? '');
    return image === undefined || digest === undefined
      ? container
      : { ...container, image: { ...image, imageId: digest } };
  };
  const containers = Object.entries(descriptor.containers).map(([id, each]) => [id, pinned(each)] as const);
  return { ...descriptor, containers: Object.fromEntries(containers) };
}

/** True if the text is a digest that can pin an image. */
export function isPin(digest: string): boolean {
  return /^sha256:[0-9a-f]{64}$/.test(digest);
}
