import { setTimeout as delay } from 'node:timers/promises';
import { BerthError } from '@berth/shared/model/errors/errors';
import { delayAfter } from '@berth/shared/process/backoff';
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

/** How long one call may take. */
export interface CallLimit {
  /** With all its attempts. */
  readonly totalMs: number;
  /** The part of it in which a lost connection must be back; all of it where not given. */
  readonly connectMs?: number;
  /** One attempt: with no reply by then the connection counts as dead, and another one is made. */
  readonly attemptMs: number;
  /** Whether to try again over a new connection: only what is safe to do twice. */
  readonly isRepeatable: boolean;
}

/** More calls than this waiting for Redis: more would only fill the memory. */
const maxPendingCalls = 10_000;
const reconnectPolicy = { initialMs: 50, maxMs: 2_000, jitter: 0.5 };
/** The pause after a reply that asks for patience. */
const patienceMs = 100;
const connectTimeoutMs = 5_000;
const keepAliveMs = 10_000;
/** A connection that is given up is closed by force when the other side does not answer. */
const disconnectTimeoutMs = 500;

const ownRules: RedisOptions = {
  // What is sent, waits or is sent again is decided here, where the time limits are known.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: null,
  maxLoadingRetryTime: patienceMs,
  retryStrategy: (attempt) => delayAfter(reconnectPolicy, attempt - 1, Math.random()),
  connectTimeout: connectTimeoutMs,
  keepAlive: keepAliveMs,
  disconnectTimeout: disconnectTimeoutMs,
  protocol: 2,
  // Nobody would hear of its failure.
  autoResubscribe: false,
};

/** One connection to Redis, made again whenever it is lost. Calls have a time limit and end in a BerthError. */
export class RedisConnection {
  readonly #redis: ScriptedRedis;
  readonly #address: string;
  readonly #outage: RedisOutage;
  /** What ends the calls whose replies will not come. */
  readonly #inFlight = new Set<(error: Error) => void>();
  readonly #waiting = new Set<() => void>();
  #pending = 0;
  #isReady = false;
  #generation = 0;
  #isClosed = false;
  #lastError: Error | undefined;

  constructor(address: RedisAddress, outage: RedisOutage) {
    this.#address = address.name;
    this.#outage = outage;
    const options = {
      ...address.options,
      ...ownRules,
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

  /** Grows with each connection that is made. */
  get generation(): number {
    return this.#generation;
  }

  /** Why Redis does not let us in; undefined where it does, or is not there. */
  get refusal(): BerthError | undefined {
    return isForbidden(this.#lastError) ? redisError(this.#lastError, this.#address) : undefined;
  }

  /**
   * Carries out `send` within the limit; fails with BerthError `unavailable` where Redis does not answer in time,
   * `resourceExhausted` where too many calls wait already.
   */
  async call<T>(send: (redis: ScriptedRedis) => Promise<T>, limit: CallLimit): Promise<T> {
    if (this.#pending >= maxPendingCalls) {
      const sentence = `${maxPendingCalls} requests wait for Redis at ${this.#address} already; try again later.`;
      throw new BerthError('resourceExhausted', sentence);
    }
    this.#pending += 1;
    try {
      return await this.#callUntil(performance.now() + limit.totalMs, send, limit);
    } finally {
      this.#pending -= 1;
    }
  }

  /** Resolves when the connection serves; rejects with BerthError `unavailable` after the time limit. */
  async ready(withinMs: number): Promise<void> {
    if (this.#isClosed) throw this.#closedError();
    if (this.#isReady) return;
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        if (this.#isClosed) reject(this.#closedError());
        else if (this.#isReady) resolve();
        else reject(unanswered(this.#address, this.#lastError));
      };
      const timer = setTimeout(settle, withinMs);
      this.#waiting.add(settle);
    });
  }

  /** Tells of messages of the sharded channels that this connection is subscribed to. A subscription ends with its connection. */
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
      const leftMs = deadlineMs - performance.now();
      await this.#readyAfter(lost, Math.min(leftMs, limit.connectMs ?? leftMs));
      try {
        return await this.#attempt(send, {
          limitMs: limit.attemptMs,
          leftMs: deadlineMs - performance.now(),
        });
      } catch (error) {
        lost = error;
        if (isStaleConnection(error)) this.#drop();
        if (this.#isClosed) throw this.#closedError();
        if (!limit.isRepeatable || !isPassing(error)) throw redisError(error, this.#address);
        if (!(error instanceof ConnectionLost)) await delay(patienceMs);
        if (performance.now() >= deadlineMs) throw redisError(error, this.#address);
      }
    }
  }

  /** Once something was sent, a failure to connect again leaves its outcome unknown. */
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
      const timer = setTimeout(expire, Math.max(0, Math.min(limitMs, leftMs)));
      const settle = () => {
        clearTimeout(timer);
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

  /** Without a reply in time, the connection may lead nowhere: all that wait on it are better off with another. */
  #giveUp(limitMs: number): void {
    this.#lastError = new ConnectionLost(`no reply within ${limitMs} ms`);
    this.#drop();
  }

  /** Leaves this connection for a new one. */
  #drop(): void {
    this.#isReady = false;
    this.#endCalls();
    this.#redis.disconnect(true);
  }

  /** A server that accepts connections and then says nothing must not keep us. */
  #watchHandshake(): void {
    const timer = setTimeout(() => this.#drop(), replyTimeoutMs);
    const done = () => {
      clearTimeout(timer);
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
