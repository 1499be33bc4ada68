import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import { UsageError } from '../errors/usage-error.js';
import { PlainScalar } from './scalar.js';

/** The maximum number of values in a file, with the repetitions by aliases. */
const maxValues = 100_000;

/**
 * Reads YAML or JSON. Scalars are texts, or {@link PlainScalar}s where YAML reads something else. Names of
 * fields are always the written texts.
 * @throws UsageError that names the mistakes.
 */
export function readDocument(text: string, fileName: string): unknown {
  const document = parseDocument(text, { prettyErrors: true, uniqueKeys: isSameKey });
  const problems = [...document.errors, ...document.warnings].map(({ code, message }) =>
    code === 'MULTIPLE_DOCS' ? oneDocument : message.trimEnd().replaceAll('\n', '\n  '),
  );
  if (problems.length > 0) throw new UsageError(`${fileName} is neither YAML nor JSON:`, problems);
  try {
    return new Reader(document).read(document.contents);
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error;
    throw new UsageError(`${fileName} cannot be read: ${error.message}.`);
  }
}

const oneDocument = 'a line --- begins a second document, but a job file holds one job';

/** A structure that YAML allows, and that has no meaning in a job file. */
class UnreadableError extends Error {}

/** Converts the nodes of a document into values. */
class Reader {
  readonly #document: Document;
  readonly #open = new Set<unknown>();
  #values = 0;

  constructor(document: Document) {
    this.#document = document;
  }

  read(node: unknown): unknown {
    this.#values += 1;
    if (this.#values > maxValues) throw new UnreadableError(`it has more than ${maxValues} values`);
    if (isAlias(node)) return this.#within(node, () => this.read(this.#target(node)));
    if (isMap(node)) return this.#within(node, () => Object.fromEntries(this.#entries(node)));
    if (isSeq(node)) return this.#within(node, () => node.items.map((item) => this.read(item)));
    if (!isScalar(node)) return new PlainScalar('', null);
    return typeof node.value === 'string' ? node.value : new PlainScalar(node.source ?? '', node.value);
  }

  /** Fields of the map itself replace those that it merges; of merged maps the first one counts. */
  #entries(map: YAMLMap): Map<string, unknown> {
    const entries = new Map<string, unknown>();
    for (const { value } of map.items.filter(({ key }) => isMergeKey(key)))
      for (const [name, merged] of this.#merged(value)) if (!entries.has(name)) entries.set(name, merged);
    for (const { key, value } of map.items)
      if (!isMergeKey(key)) entries.set(this.#name(key), this.read(value));
    return entries;
  }

  #merged(node: unknown): Map<string, unknown> {
    if (isAlias(node)) return this.#within(node, () => this.#merged(this.#target(node)));
    if (isMap(node)) return this.#within(node, () => this.#entries(node));
    if (!isSeq(node)) throw new UnreadableError('<< merges maps only, such as <<: *defaults');
    const maps = node.items.map((item) => this.#merged(item));
    return new Map(maps.reverse().flatMap((map) => [...map]));
  }

  #name(key: unknown): string {
    const node = isAlias(key) ? this.#target(key) : key;
    if (node === null) return '';
    if (!isScalar(node)) throw new UnreadableError('a list or a map is the name of a field');
    const name = textOf(node);
    // JavaScript gives it a meaning of its own, and the field would be lost.
    if (name === '__proto__') throw new UnreadableError('__proto__ cannot be the name of a field');
    return name;
  }

  #target(alias: Alias): unknown {
    const target = alias.resolve(this.#document);
    if (target === undefined) throw new UnreadableError(`*${alias.source} refers to no anchor before it`);
    return target;
  }

  /** Refuses a node inside itself. */
  #within<T>(node: unknown, read: () => T): T {
    if (this.#open.has(node)) throw new UnreadableError('an alias refers to a value that holds the alias');
    this.#open.add(node);
    try {
      return read();
    } finally {
      this.#open.delete(node);
    }
  }
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function isSameKey(a: unknown, b: unknown): boolean {
  return isScalar(a) && isScalar(b) && !isMergeKey(a) && textOf(a) === textOf(b);
}

function textOf({ value, source }: { readonly value: unknown; readonly source?: string }): string {
  return typeof value === 'string' ? value : (source ?? '');
}
