/*
 * A job runs the image that its name meant when it was submitted: the tag is resolved to a digest once, then, and the
 * stored descriptor carries both. Nothing is remembered of an answer, so that what was pushed just now counts.
 */

import type { Lookup, RegistryClient } from '@berth/registry';
import { type RegistryImage, registryImageOf } from '@berth/registry';
import type { Container, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError, type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import { type ImageRef, parseImageRef } from '@berth/shared/model/submission/image-ref';
import { imageResolutionLabel } from '@berth/shared/model/submission/template-job';
import type { Clock } from '@berth/shared/process/clock';
import { Gate } from './gate.js';

export const resolutionModes = ['required', 'best-effort', 'off'] as const;
export type ResolutionMode = (typeof resolutionModes)[number];

/** Lookups at the same time, over all calls; others wait within their time. */
const maxLookups = 32;

const attempts = 2;
const retryDelayMs = 100;

/** A registry that has not answered is left alone for this long where its answer is not required. */
const silenceMs = 5_000;
const maxSilentRegistries = 256;

const maxNoteLength = 1_000;

export interface ImageResolverOptions {
  readonly mode: ResolutionMode;
  /** The longest that a call waits for its images. */
  readonly timeoutMs: number;
  readonly registries: Pick<RegistryClient, 'findDigest'>;
  readonly clock: Clock;
}

/** What ends a lookup. */
interface Ends {
  readonly caller: AbortSignal;
  /** The caller, or the time that its images may take, which runs from the first use. */
  readonly any: AbortSignal;
}

function endsOf(caller: AbortSignal, timeoutMs: number): Ends {
  let any: AbortSignal | undefined;
  return {
    caller,
    get any() {
      any ??= AbortSignal.any([caller, AbortSignal.timeout(timeoutMs)]);
      return any;
    },
  };
}

/** What became of one image. */
type Resolved = { readonly digest: string } | { readonly skipped: string } | { readonly refused: string };

export class ImageResolver {
  readonly #options: ImageResolverOptions;
  readonly #gate = new Gate(maxLookups);
  /** By registry, until when it is left alone. */
  readonly #silent = new Map<string, number>();

  constructor(options: ImageResolverOptions) {
    this.#options = options;
  }

  /**
   * The descriptor with the digest of every image that is given by name. Rejects with invalidArgument that names each image
   * that is unknown, with `unavailable` where a registry does not answer and its answer is required, and with the signal's
   * reason.
   */
  async resolve(descriptor: JobDescriptor, signal: AbortSignal): Promise<JobDescriptor> {
    const unmarked = withoutNote(descriptor);
    if (this.#options.mode === 'off') return unmarked;
    const ends = endsOf(signal, this.#options.timeoutMs);
    const lookups = new Map<string, Promise<Resolved>>();
    const lookUp = (name: string): Promise<Resolved> => {
      const known = lookups.get(name) ?? this.#lookUp(name, ends);
      lookups.set(name, known);
      return known;
    };
    const containers = await Promise.all(
      Object.entries(descriptor.containers).map(async ([id, container]): Promise<Done> => {
        const { name = '', imageId = '' } = container.image ?? {};
        // An id is what a name would be resolved to: there is nothing to ask.
        return { id, container, result: name === '' || imageId !== '' ? undefined : await lookUp(name) };
      }),
    );
    return withResults(unmarked, containers);
  }

  async #lookUp(name: string, ends: Ends): Promise<Resolved> {
    const ref = parseImageRef(name);
    if (ref === undefined) return { refused: 'is no image name' };
    const image = registryImageOf(ref);
    const isRequired = this.#options.mode === 'required';
    if (!isRequired && !image.isExplicit) return pinned(ref, 'the name tells no registry');
    if (!isRequired && this.#isSilent(image.registry))
      return pinned(ref, `registry ${image.registry} did not answer a moment ago`);
    const lookup = await this.#gate.run(() => this.#ask(image, ends.any), ends.any).catch(timedOut);
    // A caller that has gone says nothing of the registry.
    ends.caller.throwIfAborted();
    return this.#decide(ref, image, lookup);
  }

  #decide(ref: ImageRef, { registry }: RegistryImage, lookup: Lookup): Resolved {
    const isRequired = this.#options.mode === 'required';
    switch (lookup.outcome) {
      case 'found':
        return { digest: lookup.digest };
      case 'unknown':
        return { refused: `registry ${registry} has no such image` };
      case 'denied': {
        const why = `registry ${registry} does not let the gateway see it: ${lookup.why}`;
        return isRequired ? { refused: why } : pinned(ref, why);
      }
      case 'unanswered': {
        const why = `registry ${registry} did not answer: ${lookup.why}`;
        if (isRequired) throw new BerthError('unavailable', `Image ${quote(ref)}: ${why}. Try again.`);
        this.#remember(registry);
        return pinned(ref, why);
      }
    }
  }

  async #ask(image: RegistryImage, signal: AbortSignal): Promise<Lookup> {
    const { registries, clock } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const lookup = await registries.findDigest(image, signal);
      if (lookup.outcome !== 'unanswered' || attempt === attempts || signal.aborted) return lookup;
      await clock.sleep(retryDelayMs, signal);
    }
  }

  #isSilent(registry: string): boolean {
    return (this.#silent.get(registry) ?? 0) > this.#options.clock.nowMs();
  }

  #remember(registry: string): void {
    this.#silent.delete(registry);
    this.#silent.set(registry, this.#options.clock.nowMs() + silenceMs);
    const [oldest] = this.#silent.keys();
    if (this.#silent.size > maxSilentRegistries && oldest !== undefined) this.#silent.delete(oldest);
  }
}

/** One container, and what became of its image; undefined where there was nothing to resolve. */
interface Done {
  readonly id: string;
  readonly container: Container;
  readonly result: Resolved | undefined;
}

function withResults(descriptor: JobDescriptor, containers: readonly Done[]): JobDescriptor {
  const violations = containers.flatMap(({ id, result }): FieldViolation[] => {
    if (result === undefined || !('refused' in result)) return [];
    return [{ field: `containers[${JSON.stringify(id)}].image.name`, description: result.refused }];
  });
  if (violations.length > 0) throw invalidFields(violations);
  const skipped = containers.flatMap(({ id, result }) =>
    result !== undefined && 'skipped' in result ? `${id}: ${result.skipped}` : [],
  );
  const resolved = containers.map(
    ({ id, container, result }) => [id, withResult(container, result)] as const,
  );
  const note = `skipped: ${skipped.join('; ')}`.slice(0, maxNoteLength);
  return {
    ...descriptor,
    containers: Object.fromEntries(resolved),
    labels: skipped.length === 0 ? descriptor.labels : { ...descriptor.labels, [imageResolutionLabel]: note },
  };
}

function withResult(container: Container, result: Resolved | undefined): Container {
  if (container.image === undefined || result === undefined || !('digest' in result)) return container;
  return { ...container, image: { ...container.image, imageId: result.digest } };
}

/** What a job that is submitted once more tells of its last submission says nothing of this one. */
function withoutNote(descriptor: JobDescriptor): JobDescriptor {
  if (!Object.hasOwn(descriptor.labels, imageResolutionLabel)) return descriptor;
  const { [imageResolutionLabel]: _, ...labels } = descriptor.labels;
  return { ...descriptor, labels };
}

/** A name with a digest needs no registry to say which image it is. */
function pinned({ digest }: ImageRef, why: string): Resolved {
  return digest === undefined ? { skipped: why } : { digest };
}

function timedOut(error: unknown): Lookup {
  if (error instanceof Error && error.name !== 'TimeoutError' && error.name !== 'AbortError') throw error;
  return { outcome: 'unanswered', why: 'it took too long' };
}

function quote({ repository, tag }: ImageRef): string {
  return JSON.stringify(tag === undefined ? repository : `${repository}:${tag}`);
}
