/** The parts of an image name, as in `registry:5000/repo/name:tag@sha256:…`. */
export interface ImageRef {
  /** The registry and the path. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** Docker accepts no longer names. */
const maxRepositoryLength = 255;

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const domain = `(?:${label}(?:\\.${label})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]+)?`;
const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const name = new RegExp(
  `^((?:${domain}/)?${component}(?:/${component})*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(${digest}))?$`,
);
const id = new RegExp(`^(?:(?:.*)@)?${digest}$`);

/** Returns the parts of an image name. Undefined if it is invalid. */
export function parseImageRef(text: string): ImageRef | undefined {
  // A bound before the match, since a pattern with nested repetition is no place for megabytes.
  if (text.length > 600) return undefined;
  const match = name.exec(text);
  const repository = match?.[1];
  if (match === null || repository === undefined || repository.length > maxRepositoryLength) return undefined;
  return {
    repository,
    ...(match[2] === undefined ? {} : { tag: match[2] }),
    ...(match[3] === undefined ? {} : { digest: match[3] }),
  };
}

/**
 * Returns the registry that the name states. Undefined if it states none: such an image is on the engine or
 * on Docker Hub.
 */
export function statedRegistry({ repository }: ImageRef): string | undefined {
  const slash = repository.indexOf('/');
  const first = slash < 0 ? '' : repository.slice(0, slash);
  // The first part is a host if it cannot be a part of a path.
  return /[.:A-Z]/.test(first) || first === 'localhost' ? first : undefined;
}

/** True if the text can be an image id: a digest such as `sha256:…`, or a name that ends in `@sha256:…`. */
export function isImageId(text: string): boolean {
  if (text.length > 600 || !id.test(text)) return false;
  return !text.includes('@') || parseImageRef(text) !== undefined;
}
