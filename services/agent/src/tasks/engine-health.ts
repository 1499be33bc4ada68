import { type Clock, elapsedMs } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { Outage } from '../primitives/outage.js';
import { type ContainerRuntime, RuntimeError } from '../runtime/contract/container-runtime.js';

/** Records if the engine answers, and since when it does not. */
export class EngineHealth {
  readonly #runtime: ContainerRuntime;
  readonly #clock: Clock;
  readonly #outage: Outage;
  #answeredAtMs: number;
  #probing: Promise<void> | undefined;

  constructor(runtime: ContainerRuntime, clock: Clock, log: Logger) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#outage = new Outage(
      log,
      runtime.title,
      'running containers are left alone, everything else is tried again',
    );
    this.#answeredAtMs = elapsedMs(clock);
  }

  /** The reason why the engine does not answer. Undefined while it answers. */
  get outage(): string | undefined {
    return this.#outage.why;
  }

  /** Returns the time since the engine's last answer. */
  silentMs(): number {
    return elapsedMs(this.#clock) - this.#answeredAtMs;
  }

  answered(): void {
    this.#answeredAtMs = elapsedMs(this.#clock);
    this.#outage.succeeded();
  }

  /** Records that the engine failed. Throws an error that is not the engine's. */
  failed(error: unknown): void {
    if (error instanceof RuntimeError) this.#outage.failed(error);
    else throw error;
  }

  /** Makes a call. Returns undefined if the engine does not answer. */
  async attempt<T>(call: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await call();
      this.answered();
      return result;
    } catch (error) {
      this.failed(error);
      return undefined;
    }
  }

  /** Finds out if the engine answers, unless a probe is under way. */
  probe(): void {
    this.#probing ??= this.attempt(() => this.#runtime.ping()).finally(() => {
      this.#probing = undefined;
    });
  }
}
