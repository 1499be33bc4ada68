import type { ImageRef } from '@berth/shared/model/submission/image-ref';

/** An image as its registry knows it. */
export interface RegistryImage {
  /** Where it is asked for, `host` or `host:port`. */
  readonly registry: string;
  /** Its path there, such as `library/busybox`. */
  readonly path: string;
  /** The tag, or the digest where the name has one. */
  readonly reference: string;
  /** Whether the name says which registry it is; otherwise it is an engine's own, or Docker Hub's. */
  readonly isExplicit: boolean;
}

/** What `docker.io` and names without a registry mean. */
export const dockerHub = 'docker.io';

const hubNames: ReadonlySet<string> = new Set([dockerHub, 'index.docker.io', 'registry-1.docker.io']);

/** Where the name leads, by the rules of the Docker engine: `latest` without a tag, Docker Hub without a registry. */
export function registryImageOf({ repository, tag = 'latest', digest }: ImageRef): RegistryImage {
  const reference = digest ?? tag;
  const slash = repository.indexOf('/');
  const first = slash < 0 ? '' : repository.slice(0, slash);
  // A first part is a host where no path could look like it.
  const isExplicit = /[.:A-Z]/.test(first) || first === 'localhost';
  const path = isExplicit ? repository.slice(slash + 1) : repository;
  if (isExplicit && !hubNames.has(first)) return { registry: first, path, reference, isExplicit };
  const hubPath = path.includes('/') ? path : `library/${path}`;
  return { registry: dockerHub, path: hubPath, reference, isExplicit };
}

/** Whether only this machine can be meant; engines speak plain HTTP to such a registry, too. */
export function isLocalRegistry(registry: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(registry);
}
