import type { Logger } from '@berth/shared/process/logger';
import { RuntimeError } from '../contract/container-runtime.js';
import type { LimitedCall } from './calls.js';
import type { Docker } from './connection.js';

export interface DockerImagesOptions {
  readonly docker: Docker;
  readonly call: LimitedCall;
  readonly log: Logger;
}

/** The images of one engine. Tasks that need the same image at the same time share one pull. */
export class DockerImages {
  readonly #options: DockerImagesOptions;
  readonly #pulls = new Map<string, Promise<string>>();

  constructor(options: DockerImagesOptions) {
    this.#options = options;
  }

  /** Returns the reference to create containers from. Pulls the image if the engine does not have it. */
  ensure(reference: string): Promise<string> {
    const pulling =
      this.#pulls.get(reference) ?? this.#findOrPull(reference).finally(() => this.#pulls.delete(reference));
    this.#pulls.set(reference, pulling);
    return pulling;
  }

  async #findOrPull(reference: string): Promise<string> {
    const present = await this.#find(reference);
    if (present !== undefined) return present;
    this.#options.log.info(`pulling ${reference}`);
    await this.#pull(reference).catch((error: unknown) => {
      throw error instanceof RuntimeError
        ? new RuntimeError(error.kind, `the image ${reference} cannot be pulled: ${error.message}`, error)
        : error;
    });
    return reference;
  }

  #pull(reference: string): Promise<void> {
    const { docker, call } = this.#options;
    return call('pull', async (abortSignal) => {
      const progress = await docker.pull(reference, { abortSignal });
      await new Promise<void>((resolve, reject) => {
        docker.modem.followProgress(progress, (error, output) => {
          const failure = error ?? failureIn(output);
          if (failure === undefined) resolve();
          else reject(pullError(failure));
        });
      });
    });
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

/**
 * Finds the failure in a pull's progress. Docker has answered with success by then, and docker-modem does not
 * look.
 */
function failureIn(progress: readonly { readonly error?: unknown }[] | null): Error | undefined {
  const error = progress?.find((line) => line.error !== undefined)?.error;
  return error === undefined ? undefined : new Error(String(error));
}

/** Docker reports a failure in the middle of a pull as text, without a status code. */
function pullError(error: Error): Error {
  return Object.assign(error, { statusCode: 500 });
}
