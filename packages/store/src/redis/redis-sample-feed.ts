import { SampleBatch } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type Observable, Subject } from 'rxjs';
import { replyTimeoutMs, sampleRenewalMs } from '../contract/limits.js';
import type { SampleFeed } from '../contract/samples.js';
import type { CallLimit, RedisConnection } from './connection/redis-connection.js';
import type { CellKeys } from './keys.js';

interface SampleFeedHost {
  readonly log: Logger;
  readonly clock: Clock;
  readonly onClose: () => void;
}

const renewalLimit: CallLimit = { totalMs: replyTimeoutMs, attemptMs: replyTimeoutMs, isRepeatable: false };

/**
 * Receives the samples over a connection of its own. Redis ends the connection of a slow reader (by its
 * `client-output-buffer-limit pubsub`). The feed renews its subscription all the time: so it finds a lost
 * connection, and subscribes on a new one.
 */
export class RedisSampleFeed implements SampleFeed {
  readonly #connection: RedisConnection;
  readonly #channel: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #onClose: () => void;
  readonly #batches = new Subject<SampleBatch>();
  readonly #closing = new AbortController();
  /** The last refusal of Redis, kept to log it once. */
  #refusal = '';
  readonly batches$: Observable<SampleBatch> = this.#batches.asObservable();

  constructor(connection: RedisConnection, keys: CellKeys, host: SampleFeedHost) {
    this.#clock = host.clock;
    this.#connection = connection;
    this.#channel = keys.samples;
    this.#log = host.log;
    this.#onClose = host.onClose;
    connection.onShardMessage((message) => this.#receive(message));
    void this.#keepSubscribed();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#connection.close();
    this.#batches.complete();
    this.#onClose();
  }

  async #keepSubscribed(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#subscribe();
      await this.#clock.sleep(sampleRenewalMs, signal);
    }
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#connection.call((redis) => redis.ssubscribe(this.#channel), renewalLimit);
      this.#refusal = '';
    } catch (error) {
      // The connections themselves log an outage of Redis.
      if (!(error instanceof BerthError) || error.code === 'unavailable') return;
      if (error.message !== this.#refusal) this.#log.warn(`samples cannot be received: ${error.message}`);
      this.#refusal = error.message;
    }
  }

  #receive(message: Buffer): void {
    const batch = this.#decode(message);
    if (batch !== undefined) this.#batches.next(batch);
  }

  #decode(message: Buffer): SampleBatch | undefined {
    try {
      return SampleBatch.decode(message);
    } catch (err) {
      this.#log.error({ err }, 'a batch of samples cannot be decoded and is skipped');
      return undefined;
    }
  }
}
