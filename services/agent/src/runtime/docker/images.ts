import type { Readable } from 'node:stream';
import { type CredentialsLookup, dockerHub, registryImageOf } from '@berth/registry';
import { bytesPerMb } from '@berth/shared/model/resources/amounts';
import { unpinnedName } from '@berth/shared/model/submission/image-pins';
import { parseImageRef } from '@berth/shared/model/submission/image-ref';
import { type Clock, startTimer } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { linesOf } from '../../primitives/lines.js';
import { type PullOptions, RuntimeError } from '../contract/container-runtime.js';
import type { LimitedCall } from './calls.js';
import type { Docker } from './connection.js';
import { type PullLine, PullTally } from './core/pull-tally.js';
import { toRuntimeError } from './errors.js';

interface DockerImagesOptions {
  readonly docker: Docker;
  readonly call: LimitedCall;
  readonly log: Logger;
  readonly clock: Clock;
  /** Finds the credentials for a registry. */
  readonly credentials: (registry: string) => Promise<CredentialsLookup>;
  /** A pull without progress for this long is given up. */
  readonly pullStallMs: number;
}

/** The key under which engines know Docker Hub's credentials. */
const hubAddress = 'https://index.docker.io/v1/';

/** The images of one engine. */
export class DockerImages {
  readonly #options: DockerImagesOptions;

  constructor(options: DockerImagesOptions) {
    this.#options = options;
  }

  /**
   * Returns the reference to create containers from. Pulls the image if the engine does not have it. A tag
   * of a stated registry may have moved: it is pulled anew. If that fails, the engine's own image serves.
   */
  async ensure(reference: string, options: PullOptions = {}): Promise<string> {
    const present = await this.#find(reference);
    if (unpinnedName({ name: reference, imageId: '' }) === undefined)
      return present ?? this.#fetch(reference, options);
    try {
      return await this.#withDigest(await this.#fetch(reference, options));
    } catch (error) {
      if (present === undefined || options.signal?.aborted) throw error;
      this.#options.log.warn({ err: error }, `running the engine's own image ${reference}`);
      return this.#withDigest(present);
    }
  }

  /** Returns the reference by digest of an image that a tag names, if its engine knows one. */
  async #withDigest(reference: string): Promise<string> {
    const { docker, call } = this.#options;
    try {
      const { RepoDigests = [] } = await call('inspect', () => docker.getImage(reference).inspect());
      return (
        RepoDigests.map((known) => byDigest(reference, known)).find((found) => found !== undefined) ??
        reference
      );
    } catch (error) {
      // The image was removed a moment ago, or the engine is slow. The next call to the engine decides.
      this.#options.log.warn({ err: error }, `the digest of ${reference} is not known`);
      return reference;
    }
  }

  async #fetch(reference: string, options: PullOptions): Promise<string> {
    const registry = registryOf(reference);
    const lookup = await this.#options.credentials(registry);
    this.#options.log.info(`pulling ${reference}`);
    try {
      await this.#pull(reference, { ...options, auth: authOf(registry, lookup) });
    } catch (error) {
      const { kind, message, fault } = toRuntimeError(error, 'pull', 0);
      const isRegistrys = fault === 'image' || fault === 'registry' || fault === 'transfer';
      const where = isRegistrys ? ` (registry ${registry}${statusOf(error)}; ${lookup.asked})` : '';
      const text = `the image ${reference} cannot be pulled: ${message}${where}`;
      throw new RuntimeError(kind, text, error, fault);
    }
    return reference;
  }

  async #pull(reference: string, { signal, onProgress, auth }: PullOptions & { auth: EngineAuth }) {
    const { docker, clock, pullStallMs } = this.#options;
    const tally = new PullTally();
    const stalled = new AbortController();
    const give = () => stalled.abort();
    let cancel = startTimer(clock, pullStallMs, give);
    const stop = signal === undefined ? stalled.signal : AbortSignal.any([stalled.signal, signal]);
    try {
      const options = { abortSignal: stop, ...(auth === undefined ? {} : { authconfig: auth }) };
      const stream = (await docker.pull(reference, options)) as Readable;
      stop.addEventListener('abort', () => stream.destroy(), { once: true });
      for await (const text of linesOf(stream)) {
        const line = JSON.parse(text) as PullLine;
        if (line.error !== undefined) throw pullError(line.error);
        if (!tally.add(line)) continue;
        cancel();
        cancel = startTimer(clock, pullStallMs, give);
        onProgress?.(tally);
      }
      stop.throwIfAborted();
    } catch (error) {
      throw stalled.signal.aborted ? stallError(tally, pullStallMs) : error;
    } finally {
      cancel();
    }
  }

  /** Finds a local image by its reference, or by its id alone: a local image may have nothing else. */
  async #find(reference: string): Promise<string | undefined> {
    const { docker, call } = this.#options;
    const id = reference.split('@')[1];
    for (const candidate of id === undefined ? [reference] : [reference, id]) {
      try {
        await call('inspect', () => docker.getImage(candidate).inspect());
        return candidate;
      } catch (error) {
        if (!(error instanceof RuntimeError) || error.kind !== 'notFound') throw error;
      }
    }
    return undefined;
  }
}

type EngineAuth = Readonly<Record<string, string>> | undefined;

/** Returns the credentials as the engine takes them. */
function authOf(registry: string, { credentials }: CredentialsLookup): EngineAuth {
  if (credentials === undefined) return undefined;
  const { username, password, identityToken } = credentials;
  const serveraddress = registry === dockerHub ? hubAddress : registry;
  return { username, password, serveraddress, ...(identityToken ? { identitytoken: identityToken } : {}) };
}

function registryOf(reference: string): string {
  const ref = parseImageRef(reference);
  return ref === undefined ? '' : registryImageOf(ref).registry;
}

/**
 * Returns the reference with the digest, if both are of one repository. Engines shorten names of Docker
 * Hub.
 */
function byDigest(reference: string, known: string): string | undefined {
  const [mine, theirs] = [parseImageRef(reference), parseImageRef(known)];
  if (mine === undefined || theirs?.digest === undefined) return undefined;
  const [a, b] = [registryImageOf(mine), registryImageOf(theirs)];
  return a.registry === b.registry && a.path === b.path ? `${mine.repository}@${theirs.digest}` : undefined;
}

function statusOf(error: unknown): string {
  const { statusCode } = error as { readonly statusCode?: number };
  return statusCode === undefined || statusCode === midStreamStatus ? '' : `; engine's status ${statusCode}`;
}

function stallError(tally: PullTally, stallMs: number): RuntimeError {
  const [done, total] = [tally.doneBytes, tally.totalBytes].map((bytes) => Math.round(bytes / bytesPerMb));
  const text = `no progress for ${Math.round(stallMs / 1000)} s; ${done} of ${total} MB had arrived`;
  return new RuntimeError('failed', text, undefined, 'transfer');
}

/** Docker reports a failure in the middle of a pull as text. It has answered with success by then. */
const midStreamStatus = 500;

function pullError(text: unknown): Error {
  return Object.assign(new Error(String(text)), { statusCode: midStreamStatus });
}
