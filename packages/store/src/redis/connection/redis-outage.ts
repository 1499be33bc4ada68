import type { Logger } from '@berth/shared/process/logger';

/** Says once when Redis is lost and once when it is back, however many connections and attempts that takes. */
export class RedisOutage {
  readonly #log: Logger;
  readonly #address: string;
  readonly #lost = new Set<object>();
  #sinceMs = 0;

  constructor(log: Logger, address: string) {
    this.#log = log;
    this.#address = address;
  }

  /** This connection is gone, or could not be made. */
  lost(connection: object, err: Error | undefined): void {
    if (this.#lost.size === 0) {
      this.#sinceMs = performance.now();
      const why = err === undefined ? 'it closed the connection' : err.message || err.name;
      this.#log.warn(
        { err },
        `Redis at ${this.#address} does not answer (${why}); trying again until it does`,
      );
    }
    this.#lost.add(connection);
  }

  /** This connection serves. */
  back(connection: object): void {
    if (!this.#lost.delete(connection) || this.#lost.size > 0) return;
    const outageMs = Math.round(performance.now() - this.#sinceMs);
    this.#log.info({ outageMs }, `Redis at ${this.#address} answers again`);
  }

  /** This connection is not wanted any more. */
  forget(connection: object): void {
    this.#lost.delete(connection);
  }
}
