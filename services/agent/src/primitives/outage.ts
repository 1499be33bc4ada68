import type { Logger } from '@berth/shared/process/logger';

/**
 * Logs that a dependency of the agent goes away and comes back: one line each, for any number of attempts.
 */
export class Outage {
  readonly #log: Logger;
  readonly #subject: string;
  readonly #meanwhile: string;
  #why: string | undefined;

  /** `subject` stands in "SUBJECT answers again". `meanwhile` describes the effect of its absence. */
  constructor(log: Logger, subject: string, meanwhile: string) {
    this.#log = log;
    this.#subject = subject;
    this.#meanwhile = meanwhile;
  }

  /** The reason of the outage, in the words of the last failure. Undefined if there is no outage. */
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
