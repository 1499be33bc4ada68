import { type ImageRef, statedRegistry } from '@berth/shared/model/submission/image-ref';

/** An image as its registry knows it. */
export interface RegistryImage {
  /** The registry's address, `host` or `host:port`. */
  readonly registry: string;
  /** The path in the registry, such as `library/busybox`. */
  readonly path: string;
  /** The digest if the name has one, else the tag. */
  readonly reference: string;
  /** True if the name states its registry. Otherwise the image is on the engine or on Docker Hub. */
  readonly isExplicit: boolean;
}

/** The registry of `docker.io` and of names without a registry. */
export const dockerHub = 'docker.io';

/** The names of Docker Hub's registry. */
export const hubNames: ReadonlySet<string> = new Set([dockerHub, 'index.docker.io', 'registry-1.docker.io']);

/**
 * Returns the image behind a name by the rules of the Docker engine: the tag is `latest` and the registry is
 * Docker Hub unless the name states others.
 */
export function registryImageOf(ref: ImageRef): RegistryImage {
  const { repository, tag = 'latest', digest } = ref;
  const reference = digest ?? tag;
  const stated = statedRegistry(ref);
  const isExplicit = stated !== undefined;
  const path = isExplicit ? repository.slice(stated.length + 1) : repository;
  if (isExplicit && !hubNames.has(stated)) return { registry: stated, path, reference, isExplicit };
  const hubPath = path.includes('/') ? path : `library/${path}`;
  return { registry: dockerHub, path: hubPath, reference, isExplicit };
}

/** True if the registry must be on this machine. Engines speak plain HTTP to such a registry, too. */
export function isLocalRegistry(registry: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(registry);
}
