import { readFile, stat } from 'node:fs/promises';
import { RuntimeError } from '../contract/container-runtime.js';
import type { LimitedCall } from './calls.js';
import type { DockerConnection } from './connection.js';
import { type EngineTimes, hostStartIn } from './core/engine-downtime.js';
import { type EngineFeatures, engineFeatures, usualFeatures } from './core/engine-features.js';

interface EngineFactsOptions {
  readonly connection: DockerConnection;
  readonly call: LimitedCall;
  /** The kernel's directory of processes. */
  readonly procDirectory: string;
}

/** Facts about an engine and its host that seldom change. */
export class EngineFacts {
  readonly #options: EngineFactsOptions;
  #features: EngineFeatures | undefined;
  #times: EngineTimes | undefined;

  constructor(options: EngineFactsOptions) {
    this.#options = options;
  }

  /** Asks the engine about itself. */
  async readInfo() {
    const { connection, call } = this.#options;
    const info = await call('info', (abortSignal) => connection.docker.info({ abortSignal }));
    this.#features = engineFeatures(info, await this.#read('self/mountinfo'));
    return { info, features: this.#features };
  }

  /** Returns the engine's abilities. Asks the engine if it has not answered yet. */
  async features(): Promise<EngineFeatures> {
    // Without an answer the usual abilities are assumed. The call that follows shows the engine's own
    // failure.
    if (this.#features === undefined) await this.readInfo().catch(() => undefined);
    return this.#features ?? usualFeatures;
  }

  /** Returns the starts of the engine and of its host. */
  async times(): Promise<EngineTimes> {
    if (this.#times !== undefined) return this.#times;
    const { outlivesEngine, isPodman } = await this.features();
    const hostStartMs = hostStartIn(await this.#read('stat'));
    const engineStartMs = isPodman ? undefined : await this.#engineStartMs();
    const times = { engineStartMs, hostStartMs, outlivesEngine };
    this.#times = times;
    return times;
  }

  /** The engine is back and may have started anew. So its start is read again. */
  forgetTimes(): void {
    this.#times = undefined;
  }

  /** Docker makes its default bridge and its socket at each start. */
  async #engineStartMs(): Promise<number | undefined> {
    const { connection, call } = this.#options;
    try {
      const network = await call('inspect', () => connection.docker.getNetwork('bridge').inspect());
      return Date.parse((network as { readonly Created: string }).Created) || undefined;
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.kind !== 'notFound') throw error;
    }
    const { socketPath } = connection;
    if (socketPath === undefined) return undefined;
    return stat(socketPath).then(
      ({ mtimeMs }) => mtimeMs,
      () => undefined,
    );
  }

  #read(name: string): Promise<string> {
    return readFile(`${this.#options.procDirectory}/${name}`, 'utf8').catch(() => '');
  }
}
