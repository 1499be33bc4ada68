import type { Logger } from '@berth/shared/process/logger';

/** Tells of something that others depend on going away and coming back: one line each, however often it is tried. */
export class Outage {
  readonly #log: Logger;
  readonly #subject: string;
  readonly #meanwhile: string;
  #why: string | undefined;

  /** `what` is as in "WHAT answers again"; `meanwhile` says what its absence means. */
  constructor(log: Logger, subject: string, meanwhile: string) {
    this.#log = log;
    this.#subject = subject;
    this.#meanwhile = meanwhile;
  }

  /** Why it is away, in the words of the last failure; undefined while it is not. */
  get why(): string | undefined {
    return this.#why;
  }

  failed(error: unknown): void {
    const isFirst = this.#why === undefined;
    this.#why = (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
    if (isFirst) this.#log.warn(`${this.#why}; ${this.#meanwhile}`);
  }

  succeeded(): void {
    if (this.#why === undefined) return;
    this.#why = undefined;
    this.#log.info(`${this.#subject} answers again`);
  }
}
