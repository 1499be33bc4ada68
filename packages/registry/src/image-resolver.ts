/*
 * A job keeps the image that its name meant at submission. The tag is resolved to a digest once, and the
 * stored descriptor has both. Answers are not cached, so an image that was just pushed counts.
 */

import type { Container, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError, type FieldViolation, invalidFields } from '@berth/shared/model/errors/errors';
import { type ImageRef, parseImageRef } from '@berth/shared/model/submission/image-ref';
import { imageResolutionLabel } from '@berth/shared/model/submission/template-job';
import { type CancelTimer, type Clock, startTimer } from '@berth/shared/process/clock';
import { Gate } from './gate.js';
import type { Lookup, RegistryClient } from './registry-client.js';
import { type RegistryImage, registryImageOf } from './registry-image.js';

export type ResolutionMode = 'required' | 'best-effort' | 'off';

/** Concurrent look-ups of all calls; others wait, and the wait counts as part of their time. */
const maxLookups = 32;

const attempts = 2;
const retryDelayMs = 100;

/** A registry that did not answer is not asked again for this long, unless its answer is required. */
const silenceMs = 5_000;
const maxSilentRegistries = 256;

const maxNoteLength = 1_000;

interface ImageResolverOptions {
  readonly mode: ResolutionMode;
  /** The service that asks, in messages. Absent: the gateway. */
  readonly asker?: string;
  /** The longest time that a call waits for its images. */
  readonly timeoutMs: number;
  readonly registries: Pick<RegistryClient, 'findDigest'>;
  readonly clock: Clock;
}

/** The signals that end a look-up. */
interface Ends {
  readonly caller: AbortSignal;
  /** Aborts with the caller, or when the time for images is over. That time begins at the first use. */
  readonly any: AbortSignal;
  /** Stops that time. */
  close(): void;
}

function endsOf(caller: AbortSignal, clock: Clock, timeoutMs: number): Ends {
  let any: AbortSignal | undefined;
  let cancel: CancelTimer = () => {};
  return {
    caller,
    get any() {
      if (any !== undefined) return any;
      const over = new AbortController();
      cancel = startTimer(clock, timeoutMs, () =>
        over.abort(new DOMException('The look-up of images took too long.', 'TimeoutError')),
      );
      any = AbortSignal.any([caller, over.signal]);
      return any;
    },
    close: () => cancel(),
  };
}

/** The result of one image. */
type Resolved = { readonly digest: string } | { readonly skipped: string } | { readonly refused: string };

export class ImageResolver {
  readonly #options: ImageResolverOptions;
  readonly #gate = new Gate(maxLookups);
  /** For each registry, the time until it may be asked again. */
  readonly #silent = new Map<string, number>();

  constructor(options: ImageResolverOptions) {
    this.#options = options;
  }

  /**
   * Returns the descriptor with a digest for every image that has a name. Rejects with invalidArgument and
   * each unknown image, with `unavailable` if a required registry does not answer, and with the signal's
   * reason.
   */
  async resolve(descriptor: JobDescriptor, signal: AbortSignal): Promise<JobDescriptor> {
    const unmarked = withoutNote(descriptor);
    if (this.#options.mode === 'off') return unmarked;
    const ends = endsOf(signal, this.#options.clock, this.#options.timeoutMs);
    const lookups = new Map<string, Promise<Resolved>>();
    const lookUp = (name: string): Promise<Resolved> => {
      const known = lookups.get(name) ?? this.#lookUp(name, ends);
      lookups.set(name, known);
      return known;
    };
    const resolving = Promise.all(
      Object.entries(descriptor.containers).map(async ([id, container]): Promise<Done> => {
        const { name = '', imageId = '' } = container.image ?? {};
        // An id is already the result of a resolution.
        return { id, container, result: name === '' || imageId !== '' ? undefined : await lookUp(name) };
      }),
    );
    // A look-up may go on after another one has failed the call. The time limit still holds for it.
    void Promise.allSettled(lookups.values()).then(() => ends.close());
    return withResults(unmarked, await resolving);
  }

  async #lookUp(name: string, ends: Ends): Promise<Resolved> {
    const ref = parseImageRef(name);
    if (ref === undefined) return { refused: 'is no image name' };
    const image = registryImageOf(ref);
    const isRequired = this.#options.mode === 'required';
    if (!isRequired && !image.isExplicit) return pinned(ref, 'the name has no registry');
    if (!isRequired && this.#isSilent(image.registry))
      return pinned(ref, `registry ${image.registry} did not answer a moment ago`);
    const lookup = await this.#gate.run(() => this.#ask(image, ends.any), ends.any).catch(timedOut);
    // If the caller has gone, this is no failure of the registry.
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
        const why = `registry ${registry} does not let ${this.#options.asker ?? 'the gateway'} see it: ${lookup.why}`;
        return isRequired ? { refused: why } : pinned(ref, why);
      }
      case 'unanswered': {
        const why = `registry ${registry} did not answer: ${lookup.why}`;
        if (isRequired) throw new BerthError('unavailable', `Image ${quote(ref)}: ${why}. Try again.`);
        this.#noteSilence(registry);
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

  #noteSilence(registry: string): void {
    this.#silent.delete(registry);
    this.#silent.set(registry, this.#options.clock.nowMs() + silenceMs);
    const [oldest] = this.#silent.keys();
    if (this.#silent.size > maxSilentRegistries && oldest !== undefined) this.#silent.delete(oldest);
  }
}

/** One container with the result of its image; undefined if it needs no resolution. */
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

/** Removes the note of an earlier submission: it does not describe this one. */
function withoutNote(descriptor: JobDescriptor): JobDescriptor {
  if (!Object.hasOwn(descriptor.labels, imageResolutionLabel)) return descriptor;
  const { [imageResolutionLabel]: _, ...labels } = descriptor.labels;
  return { ...descriptor, labels };
}

/** A name with a digest needs no answer of a registry. */
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
