import { type Clock, elapsedMs } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';

/**
 * Logs each outage of Redis twice: at its beginning and at its end, for all connections and attempts
 * together.
 */
export class RedisOutage {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #address: string;
  readonly #lost = new Set<object>();
  #sinceMs = 0;

  constructor(log: Logger, address: string, clock: Clock) {
    this.#clock = clock;
    this.#log = log;
    this.#address = address;
  }

  /** Notes that this connection is lost, or could not be made. */
  lost(connection: object, err: Error | undefined): void {
    if (this.#lost.size === 0) {
      this.#sinceMs = elapsedMs(this.#clock);
      const why = err === undefined ? 'it closed the connection' : err.message || err.name;
      this.#log.warn(
        { err },
        `Redis at ${this.#address} does not answer (${why}); trying again until it does`,
      );
    }
    this.#lost.add(connection);
  }

  /** Notes that this connection serves again. */
  back(connection: object): void {
    if (!this.#lost.delete(connection) || this.#lost.size > 0) return;
    const outageMs = Math.round(elapsedMs(this.#clock) - this.#sinceMs);
    this.#log.info({ outageMs }, `Redis at ${this.#address} answers again`);
  }

  /** Notes that this connection is closed for good. */
  forget(connection: object): void {
    this.#lost.delete(connection);
  }
}
