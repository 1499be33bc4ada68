import { SampleBatch, type TaskReport } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import { type Clock, inNextTurn, systemClock } from '@berth/shared/process/clock';
import { type Logger, silentLogger } from '@berth/shared/process/logger';
import { type Random, systemRandom } from '@berth/shared/process/random';
import { prepareCommit } from '../commit/prepared-commit.js';
import type { AssignmentFeed } from '../contract/assignments.js';
import type { CellStore } from '../contract/cell-store.js';
import type { CommitRequest, CommitResult } from '../contract/commit.js';
import type { HeldLease } from '../contract/lease.js';
import {
  commandTimeoutMs,
  commitMemoryMs,
  defaultCommitTimeoutMs,
  defaultLogLength,
  observedMemoryMs,
  replyTimeoutMs,
  reportStreamLength,
  sampleTimeoutMs,
} from '../contract/limits.js';
import type { LogHead, LogReader, LogReaderOptions } from '../contract/log.js';
import type { ReportInbox } from '../contract/reports.js';
import type { SampleFeed } from '../contract/samples.js';
import type { Tuning } from '../contract/tuning.js';
import { inChunks } from '../wire/chunks.js';
import { packReports } from '../wire/report-batch.js';
import { encodeMessage } from '../wire/shared-writer.js';
import { type CallLimit, type ConnectionSources, RedisConnection } from './connection/redis-connection.js';
import { parseRedisUrl, type RedisAddress } from './connection/redis-options.js';
import { RedisOutage } from './connection/redis-outage.js';
import type { ScriptedRedis } from './connection/redis-scripts.js';
import { checkServer } from './connection/redis-server-check.js';
import { type CellKeys, cellIdField, cellKeys } from './keys.js';
import { findArchived, findArchivedField, type RedisArchive } from './redis-archive.js';
import { RedisAssignmentFeed } from './redis-assignment-feed.js';
import { commitArguments, commitResult } from './redis-commit.js';
import { RedisLogReader } from './redis-log-reader.js';
import { RedisReportInbox } from './redis-report-inbox.js';
import { RedisSampleFeed } from './redis-sample-feed.js';

export interface RedisStoreOptions {
  readonly url: string;
  readonly cell: string;
  /** The number of replicas of Redis that must hold a commit before its acknowledgement. 0 if absent. */
  readonly waitReplicas?: number;
  /** The least length of the change log. */
  readonly logLength?: number;
  /** A commit waits this long for its reply. Then it fails, and its outcome is unknown. */
  readonly commitTimeoutMs?: number;
  readonly log?: Logger;
  /** Ends the wait for a Redis that does not answer. */
  readonly signal?: AbortSignal;
  /** `on` if absent. */
  readonly tuning?: Tuning;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** One script takes at most this many agents or jobs. */
const itemsPerScript = 500;
const batchesPerScript = 10;
/** The wait for Redis checks its signal this often. */
const connectStepMs = 250;

const commandLimit: CallLimit = { totalMs: commandTimeoutMs, attemptMs: replyTimeoutMs, isRepeatable: true };

// The total ends before the time for a reply, so a slow answer to samples never costs the shared connection.
const sampleLimit: CallLimit = {
  totalMs: sampleTimeoutMs,
  connectMs: 0,
  attemptMs: replyTimeoutMs,
  isRepeatable: false,
};

/** A cell in Redis. Commands share one connection. Each reader that blocks has its own. */
export class RedisStore implements CellStore {
  readonly tuning: Tuning;
  readonly #address: RedisAddress;
  readonly #outage: RedisOutage;
  readonly #sources: ConnectionSources;
  readonly #shared: RedisConnection;
  /**
   * Waits for replicas block their connection. On the shared one they would hold up the renewal of the lease.
   */
  #confirming: RedisConnection | undefined;
  readonly #keys: CellKeys;
  readonly #log: Logger;
  readonly #logLength: number;
  readonly #waitReplicas: number;
  readonly #commitLimit: CallLimit;
  readonly #readers = new Set<{ close(): Promise<void> }>();
  #confirmation: Promise<void> | undefined;

  /**
   * Connects. Waits until Redis answers, or until the signal aborts (then it rejects with the signal's
   * reason). Rejects with BerthError `failedPrecondition` if Redis is older than 7 or refuses access,
   * `invalidArgument` for a bad address or cell. Warns of settings under which acknowledged writes could be
   * lost.
   */
  static async connect(options: RedisStoreOptions): Promise<RedisStore> {
    const store = new RedisStore(options);
    try {
      await store.#awaitServer(options.signal);
      await store.#checkServer();
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private constructor(options: RedisStoreOptions) {
    this.tuning = options.tuning ?? 'on';
    this.#sources = { clock: options.clock ?? systemClock, random: options.random ?? systemRandom };
    this.#keys = cellKeys(options.cell);
    this.#address = parseRedisUrl(options.url);
    this.#log = options.log ?? silentLogger;
    this.#logLength = options.logLength ?? defaultLogLength;
    this.#waitReplicas = options.waitReplicas ?? 0;
    this.#commitLimit = { ...commandLimit, totalMs: options.commitTimeoutMs ?? defaultCommitTimeoutMs };
    this.#outage = new RedisOutage(this.#log, this.#address.name, this.#sources.clock);
    this.#shared = this.#connection();
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    const prepared = prepareCommit(request, this.#sources.random.uuid(), this.tuning);
    const { keys, args } = commitArguments(prepared, this.#keys, this.#logLength);
    const send = (redis: ScriptedRedis) => redis.berthCommit(keys.length, ...keys, ...args);
    const result = commitResult(await this.#shared.call(send, this.#commitLimit), prepared);
    if (result.ok && this.#waitReplicas > 0) await this.#confirm();
    return result;
  }

  findArchived(jobId: string): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
    return findArchived(this.#archiveOf(jobId));
  }

  findArchivedField(jobId: string, field: string): Promise<Uint8Array | undefined> {
    return findArchivedField(this.#archiveOf(jobId), field);
  }

  async findClaim(name: string): Promise<string | undefined> {
    return (await this.#command((redis) => redis.get(this.#keys.claim(name)))) ?? undefined;
  }

  async findCellId(): Promise<string | undefined> {
    return (await this.#command((redis) => redis.hget(this.#keys.cell, cellIdField))) ?? undefined;
  }

  async establishCellId(proposed: string): Promise<string> {
    await this.#command((redis) => redis.hsetnx(this.#keys.cell, cellIdField, proposed));
    return (await this.findCellId()) ?? proposed;
  }

  async continuesFrom({ revision, commitId }: LogHead): Promise<boolean> {
    const { head, log } = this.#keys;
    return (await this.#command((redis) => redis.berthContinuesFrom(2, head, log, revision, commitId))) === 1;
  }

  async recordHeartbeats(agentIds: readonly string[]): Promise<void> {
    for (const some of inChunks(agentIds, itemsPerScript)) {
      await this.#command((redis) => redis.berthRecordHeartbeats(1, this.#keys.heartbeats, ...some));
    }
  }

  async findSilent(silentMs: number): Promise<readonly string[]> {
    return (await this.#command((redis) =>
      redis.berthFindSilent(1, this.#keys.heartbeats, silentMs),
    )) as string[];
  }

  async findAlive(agentIds: readonly string[], withinMs: number): Promise<readonly string[]> {
    const beating: string[] = [];
    for (const some of inChunks(agentIds, itemsPerScript)) {
      const send = (redis: ScriptedRedis) =>
        redis.berthFindAlive(1, this.#keys.heartbeats, withinMs, ...some);
      beating.push(...((await this.#command(send)) as string[]));
    }
    return beating;
  }

  async recordObserved(jobIds: readonly string[]): Promise<void> {
    for (const some of inChunks(jobIds, itemsPerScript)) {
      const { subscribed } = this.#keys;
      await this.#command((redis) => redis.berthRecordObserved(1, subscribed, observedMemoryMs, ...some));
    }
  }

  async lastObservedMs(jobIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const known = new Map<string, number>();
    for (const some of inChunks(jobIds, itemsPerScript)) {
      const scores = await this.#command((redis) => redis.zmscore(this.#keys.subscribed, ...some));
      for (const [index, score] of scores.entries()) {
        const id = some[index];
        if (id !== undefined && score !== null) known.set(id, Number(score));
      }
    }
    return known;
  }

  async forgetObserved(jobIds: readonly string[]): Promise<void> {
    for (const some of inChunks(jobIds, itemsPerScript))
      await this.#command((redis) => redis.zrem(this.#keys.subscribed, ...some));
  }

  /** Stores the reports in order. Reports with a lost reply may be stored twice. */
  async publish(reports: readonly TaskReport[]): Promise<void> {
    for (const some of inChunks(packReports(reports, this.tuning), batchesPerScript)) {
      await this.#command((redis) => redis.berthPublish(1, this.#keys.reports, reportStreamLength, ...some));
    }
  }

  /**
   * The channel is sharded: in a Redis Cluster a plain one would send each batch to every node, also to those
   * of other cells.
   */
  async publishSamples(batch: SampleBatch): Promise<void> {
    const bytes = Buffer.from(encodeMessage(SampleBatch, batch, 'sample batch', this.tuning));
    await this.#shared.call((redis) => redis.spublish(this.#keys.samples, bytes), sampleLimit);
  }

  async tryAcquire(holder: string, ttlMs: number): Promise<HeldLease | undefined> {
    const { leader, epoch } = this.#keys;
    const reply = await this.#command((redis) => redis.berthAcquireLease(2, leader, epoch, holder, ttlMs));
    return reply === null ? undefined : { epoch: Number(reply) };
  }

  async renew(holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    const lease = `${epoch} ${holder}`;
    return (await this.#command((redis) => redis.berthRenewLease(1, this.#keys.leader, lease, ttlMs))) === 1;
  }

  async release(holder: string, epoch: number): Promise<void> {
    await this.#command((redis) => redis.berthReleaseLease(1, this.#keys.leader, `${epoch} ${holder}`));
  }

  openLogReader({ follows = false }: LogReaderOptions = {}): LogReader {
    const connect = () => this.#connection();
    const { keys, tuning } = { keys: this.#keys, tuning: this.tuning };
    return this.#opened((onClose) => new RedisLogReader({ connect, keys, follows, tuning, onClose }));
  }

  openReportInbox(): ReportInbox {
    return this.#opened(
      (onClose) => new RedisReportInbox(this.#connection(), this.#keys, { log: this.#log, onClose }),
    );
  }

  openAssignmentFeed(name: string): AssignmentFeed {
    const host = { keys: this.#keys, log: this.#log, shared: this.#shared, tuning: this.tuning };
    return this.#opened(
      (onClose) => new RedisAssignmentFeed(name, { ...host, blocking: this.#connection(), onClose }),
    );
  }

  openSampleFeed(): SampleFeed {
    const { keys, log, clock } = { keys: this.#keys, log: this.#log, clock: this.#sources.clock };
    return this.#opened((onClose) => new RedisSampleFeed(this.#connection(), keys, { log, clock, onClose }));
  }

  async ping(): Promise<void> {
    await this.#command((redis) => redis.ping());
  }

  async close(): Promise<void> {
    this.#shared.close();
    this.#confirming?.close();
    await Promise.all([...this.#readers].map((reader) => reader.close()));
  }

  #archiveOf(jobId: string): RedisArchive {
    const { archive, olderArchive } = this.#keys;
    return { parts: [archive(jobId), olderArchive(jobId)], command: (send) => this.#command(send) };
  }

  #connection(): RedisConnection {
    return new RedisConnection(this.#address, this.#outage, this.#sources);
  }

  #opened<T extends { close(): Promise<void> }>(open: (onClose: () => void) => T): T {
    const reader = open(() => this.#readers.delete(reader));
    this.#readers.add(reader);
    return reader;
  }

  #command<T>(send: (redis: ScriptedRedis) => Promise<T>): Promise<T> {
    return this.#shared.call(send, commandLimit);
  }

  async #awaitServer(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return await this.#shared.ready(connectStepMs);
      } catch {
        // The connection has logged the reason. A refusal does not go away by itself.
        if (this.#shared.refusal !== undefined) throw this.#shared.refusal;
      }
    }
  }

  async #checkServer(): Promise<void> {
    const info = await this.#command((redis) => redis.info());
    // Managed servers forbid CONFIG. There the operator has to know the setting.
    const appendfsync = await this.#command((redis) => redis.config('GET', 'appendfsync')).catch(() => []);
    const [, setting] = appendfsync as readonly string[];
    const facts = { info, ...(setting === undefined ? {} : { appendfsync: setting }) };
    checkServer(facts, this.#address.name, this.#log);
  }

  /** Waits until the replicas have all present writes. Commits that wait at the same time share one WAIT. */
  #confirm(): Promise<void> {
    this.#confirmation ??= new Promise<void>((resolve, reject) => {
      inNextTurn(() => {
        this.#confirmation = undefined;
        this.#waitForReplicas().then(resolve, reject);
      });
    });
    return this.#confirmation;
  }

  async #waitForReplicas(): Promise<void> {
    const wanted = this.#waitReplicas;
    const limit: CallLimit = { ...commandLimit, isRepeatable: false };
    this.#confirming ??= this.#connection();
    const confirmed = await this.#confirming.call(async (redis) => {
      // WAIT covers the last write of its own connection, and with it all that were made before.
      await redis.set(this.#keys.confirmed, wanted, 'PX', commitMemoryMs);
      return redis.wait(wanted, replyTimeoutMs / 2);
    }, limit);
    if (confirmed >= wanted) return;
    throw new BerthError(
      'unavailable',
      `The commit is written, but only ${confirmed} of ${wanted} replicas of Redis at ${this.#address.name} confirm it.`,
    );
  }
}
