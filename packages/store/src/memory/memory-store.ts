import { SampleBatch, type TaskReport } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import { type Clock, systemClock } from '@berth/shared/process/clock';
import { type Random, systemRandom } from '@berth/shared/process/random';
import { Subject } from 'rxjs';
import { prepareCommit } from '../commit/prepared-commit.js';
import type { AssignmentFeed } from '../contract/assignments.js';
import type { CellStore } from '../contract/cell-store.js';
import type { CommitRequest, CommitResult } from '../contract/commit.js';
import type { HeldLease } from '../contract/lease.js';
import {
  assignmentStreamLength,
  defaultLogLength,
  observedMemoryMs,
  reportStreamLength,
} from '../contract/limits.js';
import type { LogHead, LogReader } from '../contract/log.js';
import type { ReportInbox } from '../contract/reports.js';
import type { SampleFeed } from '../contract/samples.js';
import type { Tuning } from '../contract/tuning.js';
import { packReports } from '../wire/report-batch.js';
import { encodeMessage } from '../wire/shared-writer.js';
import { MemoryCell } from './memory-cell.js';
import {
  MemoryAssignmentFeed,
  type MemoryHost,
  MemoryLogReader,
  MemoryReportInbox,
  MemorySampleFeed,
  readAfter,
} from './memory-readers.js';
import { Notifier } from './notifier.js';

interface MemoryStoreOptions {
  /** It is also the store's clock. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly tuning?: Tuning;
  /** The length of the change log. */
  readonly logLength?: number;
}

/**
 * A cell in memory, for tests and simulation. It keeps the same contract as the Redis store, for the users in
 * one process.
 */
export class MemoryStore implements CellStore {
  readonly tuning: Tuning;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logLength: number;
  readonly #notifier = new Notifier();
  readonly #closing = new AbortController();
  readonly #host: MemoryHost & { cell: MemoryCell };

  constructor(options: MemoryStoreOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.tuning = options.tuning ?? 'on';
    this.#logLength = options.logLength ?? defaultLogLength;
    const closing = this.#closing.signal;
    this.#host = {
      cell: this.#emptyCell(),
      clock: this.#clock,
      notifier: this.#notifier,
      tuning: this.tuning,
      samples: new Subject(),
      closing,
    };
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    const prepared = prepareCommit(request, this.#random.uuid(), this.tuning);
    const result = this.#open.apply(prepared, this.#clock.nowMs());
    this.#notifier.notify();
    return result;
  }

  async findArchived(jobId: string): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
    const { archives, olderArchives } = this.#open;
    const parts = [olderArchives, archives].map((part) => part.get(jobId, this.#clock.nowMs())?.fields);
    return parts.every((part) => part === undefined)
      ? undefined
      : new Map(parts.flatMap((part) => [...(part ?? [])]));
  }

  async findArchivedField(jobId: string, field: string): Promise<Uint8Array | undefined> {
    return (await this.findArchived(jobId))?.get(field);
  }

  async findClaim(name: string): Promise<string | undefined> {
    return this.#open.ownerOf(name, this.#clock.nowMs());
  }

  async findCellId(): Promise<string | undefined> {
    return this.#open.cellId;
  }

  async establishCellId(proposed: string): Promise<string> {
    this.#open.cellId ??= proposed;
    return this.#open.cellId;
  }

  async continuesFrom(point: LogHead): Promise<boolean> {
    const read = readAfter(this.#open, point);
    return read === undefined || read.ok || read.reason !== 'diverged';
  }

  async recordHeartbeats(agentIds: readonly string[]): Promise<void> {
    const { heartbeats } = this.#open;
    for (const agentId of agentIds) heartbeats.set(agentId, this.#clock.nowMs());
  }

  async findSilent(silentMs: number): Promise<readonly string[]> {
    const oldestMs = this.#clock.nowMs() - silentMs;
    return [...this.#open.heartbeats]
      .filter(([, beatAtMs]) => beatAtMs < oldestMs)
      .map(([agentId]) => agentId);
  }

  async findAlive(agentIds: readonly string[], withinMs: number): Promise<readonly string[]> {
    const oldestMs = this.#clock.nowMs() - withinMs;
    const { heartbeats } = this.#open;
    return agentIds.filter((agentId) => (heartbeats.get(agentId) ?? Number.NEGATIVE_INFINITY) >= oldestMs);
  }

  async recordObserved(jobIds: readonly string[]): Promise<void> {
    const { subscribed } = this.#open;
    const nowMs = this.#clock.nowMs();
    subscribed.dropExpired(nowMs);
    for (const id of jobIds) subscribed.set(id, nowMs, nowMs + observedMemoryMs);
  }

  async lastObservedMs(jobIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { subscribed } = this.#open;
    const known = new Map<string, number>();
    for (const id of jobIds) {
      const atMs = subscribed.get(id, this.#clock.nowMs());
      if (atMs !== undefined) known.set(id, atMs);
    }
    return known;
  }

  async forgetObserved(jobIds: readonly string[]): Promise<void> {
    for (const id of jobIds) this.#open.subscribed.delete(id);
  }

  async publish(reports: readonly TaskReport[]): Promise<void> {
    const { reports: stream } = this.#open;
    for (const batch of packReports(reports, this.tuning)) stream.add(batch);
    this.#notifier.notify();
  }

  async publishSamples(batch: SampleBatch): Promise<void> {
    this.#throwIfClosed();
    const bytes = encodeMessage(SampleBatch, batch, 'sample batch', this.tuning);
    this.#host.samples.next(SampleBatch.decode(bytes));
  }

  async tryAcquire(holder: string, ttlMs: number): Promise<HeldLease | undefined> {
    const nowMs = this.#clock.nowMs();
    const cell = this.#open;
    const { lease } = cell;
    if (lease !== undefined && lease.expiresAtMs > nowMs && lease.holder !== holder) return undefined;
    const epoch = Math.max(cell.epoch + 1, nowMs);
    cell.epoch = epoch;
    cell.lease = { holder, epoch, expiresAtMs: nowMs + ttlMs };
    return { epoch };
  }

  async renew(holder: string, epoch: number, ttlMs: number): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    if (!this.#isHeld(holder, epoch, nowMs)) return false;
    this.#open.lease = { holder, epoch, expiresAtMs: nowMs + ttlMs };
    return true;
  }

  async release(holder: string, epoch: number): Promise<void> {
    if (this.#isHeld(holder, epoch, this.#clock.nowMs())) this.#open.lease = undefined;
  }

  openLogReader(): LogReader {
    return new MemoryLogReader(this.#host);
  }

  openReportInbox(): ReportInbox {
    return new MemoryReportInbox(this.#host);
  }

  openAssignmentFeed(name: string): AssignmentFeed {
    return new MemoryAssignmentFeed(name, this.#host);
  }

  openSampleFeed(): SampleFeed {
    return new MemorySampleFeed(this.#host);
  }

  async ping(): Promise<void> {
    this.#throwIfClosed();
  }

  async close(): Promise<void> {
    this.#host.samples.complete();
    this.#closing.abort();
  }

  /** Trims the log to its newest `keep` entries. */
  trimLog(keep: number): void {
    this.#open.trimLog(keep);
    this.#notifier.notify();
  }

  /** Returns a function that sets the store back to its present state, under its users. */
  checkpoint(): () => void {
    const kept = this.#open.copy();
    return () => {
      this.#throwIfClosed();
      this.#host.cell = kept.copy();
      this.#notifier.notify();
    };
  }

  /** Empties the store under its users. */
  clear(): void {
    this.#throwIfClosed();
    this.#host.cell = this.#emptyCell();
    this.#notifier.notify();
  }

  get #open(): MemoryCell {
    this.#throwIfClosed();
    return this.#host.cell;
  }

  #throwIfClosed(): void {
    if (this.#closing.signal.aborted) throw new BerthError('unavailable', 'The memory store is closed.');
  }

  #isHeld(holder: string, epoch: number, nowMs: number): boolean {
    const { lease } = this.#open;
    return lease?.holder === holder && lease.epoch === epoch && lease.expiresAtMs > nowMs;
  }

  #emptyCell(): MemoryCell {
    const reports = reportStreamLength;
    return new MemoryCell({ log: this.#logLength, assignments: assignmentStreamLength, reports });
  }
}
