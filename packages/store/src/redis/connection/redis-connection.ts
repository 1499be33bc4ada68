import { BerthError } from '@berth/shared/model/errors/errors';
import { delayAfter } from '@berth/shared/process/backoff';
import { type Clock, elapsedMs, startTimer } from '@berth/shared/process/clock';
import type { Random } from '@berth/shared/process/random';
import { Redis, type RedisOptions } from 'ioredis';
import { replyTimeoutMs } from '../../contract/limits.js';
import {
  ConnectionLost,
  isForbidden,
  isPassing,
  isStaleConnection,
  redisError,
  unanswered,
} from './redis-errors.js';
import type { RedisAddress } from './redis-options.js';
import type { RedisOutage } from './redis-outage.js';
import { type ScriptedRedis, scripts } from './redis-scripts.js';

/** The time limits of a call. */
export interface CallLimit {
  /** The limit of the call with all its attempts. */
  readonly totalMs: number;
  /** A lost connection must be back within this time. `totalMs` if absent. */
  readonly connectMs?: number;
  /** The limit of one attempt. Without a reply by then the connection counts as dead and is replaced. */
  readonly attemptMs: number;
  /** True for a call that is safe to repeat over a new connection. */
  readonly isRepeatable: boolean;
}

/** More waiting calls would only fill the memory. */
const maxPendingCalls = 10_000;
const reconnectPolicy = { initialMs: 50, maxMs: 2_000, jitter: 0.5 };
/** The pause after a reply that asks the client to come again later. */
const patienceMs = 100;
const connectTimeoutMs = 5_000;
const keepAliveMs = 10_000;
/** An abandoned connection is closed by force if the other side does not answer for this long. */
const disconnectTimeoutMs = 500;

const ownRules: RedisOptions = {
  // This class decides about queues and repetitions, because it knows the time limits.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  maxLoadingRetryTime: patienceMs,
  connectTimeout: connectTimeoutMs,
  keepAlive: keepAliveMs,
  disconnectTimeout: disconnectTimeoutMs,
  protocol: 2,
  // Its failure would go unnoticed.
  autoResubscribe: false,
};

/** The sources of time and chance. */
export interface ConnectionSources {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * One connection to Redis, which is made again after each loss. Calls have a time limit and fail with a
 * BerthError.
 */
export class RedisConnection {
  readonly #redis: ScriptedRedis;
  readonly #address: string;
  readonly #outage: RedisOutage;
  readonly #clock: Clock;
  /** Functions that end the calls without a reply. */
  readonly #inFlight = new Set<(error: Error) => void>();
  readonly #waiting = new Set<() => void>();
  #pending = 0;
  #isReady = false;
  #generation = 0;
  #isClosed = false;
  #lastError: Error | undefined;

  constructor(address: RedisAddress, outage: RedisOutage, { clock, random }: ConnectionSources) {
    this.#clock = clock;
    this.#address = address.name;
    this.#outage = outage;
    const options = {
      ...address.options,
      ...ownRules,
      retryStrategy: (attempt: number) => delayAfter(reconnectPolicy, attempt - 1, random.fraction()),
      scripts: { ...scripts },
      replyMapping: 'legacy' as const,
    };
    this.#redis = new Redis(options) as ScriptedRedis;
    this.#redis.on('connect', () => this.#watchHandshake());
    this.#redis.on('ready', () => this.#onReady());
    this.#redis.on('error', (error) => {
      this.#lastError = error;
    });
    this.#redis.on('close', () => this.#onClose());
  }

  /** Grows with each new connection. */
  get generation(): number {
    return this.#generation;
  }

  /** The reason why Redis refuses access. Undefined if it does not refuse, or does not answer. */
  get refusal(): BerthError | undefined {
    return isForbidden(this.#lastError) ? redisError(this.#lastError, this.#address) : undefined;
  }

  /**
   * Carries out `send` within the limit. Fails with BerthError `unavailable` if Redis does not answer in
   * time, with `resourceExhausted` if too many calls wait already.
   */
  async call<T>(send: (redis: ScriptedRedis) => Promise<T>, limit: CallLimit): Promise<T> {
    if (this.#pending >= maxPendingCalls) {
      const sentence = `${maxPendingCalls} requests wait for Redis at ${this.#address} already; try again later.`;
      throw new BerthError('resourceExhausted', sentence);
    }
    this.#pending += 1;
    try {
      return await this.#callUntil(elapsedMs(this.#clock) + limit.totalMs, send, limit);
    } finally {
      this.#pending -= 1;
    }
  }

  /** Resolves when the connection can serve. Rejects with BerthError `unavailable` after the time limit. */
  async ready(withinMs: number): Promise<void> {
    if (this.#isClosed) throw this.#closedError();
    if (this.#isReady) return;
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        cancel();
        this.#waiting.delete(settle);
        if (this.#isClosed) reject(this.#closedError());
        else if (this.#isReady) resolve();
        else reject(unanswered(this.#address, this.#lastError));
      };
      const cancel = startTimer(this.#clock, withinMs, settle);
      this.#waiting.add(settle);
    });
  }

  /**
   * Calls `listener` with each message of the connection's sharded channels. A subscription ends with its
   * connection.
   */
  onShardMessage(listener: (message: Buffer) => void): void {
    this.#redis.on('smessageBuffer', (_: Buffer, message: Buffer) => listener(message));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#outage.forget(this);
    this.#redis.disconnect();
    this.#endCalls();
    for (const settle of [...this.#waiting]) settle();
  }

  async #callUntil<T>(
    deadlineMs: number,
    send: (redis: ScriptedRedis) => Promise<T>,
    limit: CallLimit,
  ): Promise<T> {
    for (let lost: unknown; ; ) {
      const leftMs = deadlineMs - elapsedMs(this.#clock);
      await this.#readyAfter(lost, Math.min(leftMs, limit.connectMs ?? leftMs));
      try {
        return await this.#attempt(send, {
          limitMs: limit.attemptMs,
          leftMs: deadlineMs - elapsedMs(this.#clock),
        });
      } catch (error) {
        lost = error;
        if (isStaleConnection(error)) this.#drop();
        if (this.#isClosed) throw this.#closedError();
        if (!limit.isRepeatable || !isPassing(error)) throw redisError(error, this.#address);
        if (!(error instanceof ConnectionLost)) await this.#clock.sleep(patienceMs);
        if (elapsedMs(this.#clock) >= deadlineMs) throw redisError(error, this.#address);
      }
    }
  }

  /** After a command was sent, a failure to connect again leaves its outcome unknown. */
  async #readyAfter(lost: unknown, withinMs: number): Promise<void> {
    try {
      await this.ready(Math.max(0, withinMs));
    } catch (error) {
      throw lost === undefined || this.#isClosed ? error : redisError(lost, this.#address);
    }
  }

  #attempt<T>(
    send: (redis: ScriptedRedis) => Promise<T>,
    time: { limitMs: number; leftMs: number },
  ): Promise<T> {
    const { limitMs, leftMs } = time;
    return new Promise<T>((resolve, reject) => {
      const expire = () => {
        if (leftMs < limitMs) end(new ConnectionLost('no time was left to wait for a reply'));
        else this.#giveUp(limitMs);
      };
      const cancel = startTimer(this.#clock, Math.max(0, Math.min(limitMs, leftMs)), expire);
      const settle = () => {
        cancel();
        this.#inFlight.delete(end);
      };
      const end = (error: unknown) => {
        settle();
        reject(error);
      };
      this.#inFlight.add(end);
      send(this.#redis).then((value) => {
        settle();
        resolve(value);
      }, end);
    });
  }

  /** Without a reply in time the connection may be dead. All its calls are better off with a new one. */
  #giveUp(limitMs: number): void {
    this.#lastError = new ConnectionLost(`no reply within ${limitMs} ms`);
    this.#drop();
  }

  /** Replaces this connection. */
  #drop(): void {
    this.#isReady = false;
    this.#endCalls();
    this.#redis.disconnect(true);
  }

  /** Replaces a connection whose server accepts it and then does not answer. */
  #watchHandshake(): void {
    const cancel = startTimer(this.#clock, replyTimeoutMs, () => this.#drop());
    const done = () => {
      cancel();
      this.#redis.off('ready', done).off('close', done);
    };
    this.#redis.on('ready', done).on('close', done);
  }

  #onReady(): void {
    this.#isReady = true;
    this.#generation += 1;
    this.#lastError = undefined;
    this.#outage.back(this);
    for (const settle of [...this.#waiting]) settle();
  }

  #onClose(): void {
    this.#isReady = false;
    this.#endCalls();
    if (!this.#isClosed) this.#outage.lost(this, this.#lastError);
  }

  #endCalls(): void {
    const cause = this.#lastError;
    for (const end of [...this.#inFlight]) end(new ConnectionLost('the connection was lost', { cause }));
  }

  #closedError(): BerthError {
    return new BerthError('unavailable', `The connection to Redis at ${this.#address} was closed.`);
  }
}
