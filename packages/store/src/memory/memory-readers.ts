import { type Assignment, type SampleBatch, TaskReport } from '@berth/shared/gen/berth/v1/store';
import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import { type Observable, Subject, takeUntil } from 'rxjs';
import type { AssignmentChange, AssignmentFeed } from '../contract/assignments.js';
import { entriesPerRead } from '../contract/limits.js';
import type { LogHead, LogRead, LogReader, StoredEntity } from '../contract/log.js';
import type { QueuedReport, ReportInbox } from '../contract/reports.js';
import type { SampleFeed } from '../contract/samples.js';
import type { Tuning } from '../contract/tuning.js';
import { AssignmentDecoder } from '../wire/assignment-encoding.js';
import { fieldOf, hasRunOn } from '../wire/codec.js';
import { unpackParts } from '../wire/packed-parts.js';
import type { MemoryCell } from './memory-cell.js';
import type { Notifier } from './notifier.js';

/** The parts of a store that its readers share. */
export interface MemoryHost {
  readonly cell: MemoryCell;
  readonly clock: Clock;
  readonly notifier: Notifier;
  readonly tuning: Tuning;
  /** Completes when the store is closed. */
  readonly samples: Subject<SampleBatch>;
  /** Aborts when the store is closed. */
  readonly closing: AbortSignal;
}

const entitiesPerBatch = 500;

/** The common part of all readers: a wait, and an end. */
abstract class MemoryReader {
  protected readonly host: MemoryHost;
  readonly #closed = new AbortController();
  readonly #ending: AbortSignal;

  constructor(host: MemoryHost) {
    this.host = host;
    this.#ending = AbortSignal.any([host.closing, this.#closed.signal]);
  }

  /** Ends the reader; a call that waits fails with BerthError `unavailable`. */
  async close(): Promise<void> {
    this.#closed.abort();
  }

  protected throwIfClosed(): void {
    if (this.#ending.aborted)
      throw new BerthError('unavailable', 'The reader of the memory store is closed.');
  }

  protected async wait<T>(take: () => T | undefined, blockMs: number): Promise<T | undefined> {
    this.throwIfClosed();
    const taken = await this.host.notifier.waitFor(take, {
      blockMs,
      clock: this.host.clock,
      signal: this.#ending,
    });
    this.throwIfClosed();
    return taken;
  }
}

export class MemoryLogReader extends MemoryReader implements LogReader {
  async head(): Promise<LogHead> {
    this.throwIfClosed();
    return this.host.cell.head;
  }

  async *scan(): AsyncIterable<readonly StoredEntity[]> {
    let batch: StoredEntity[] = [];
    for (const [field, { revision, bytes }] of [...this.host.cell.entities]) {
      this.throwIfClosed();
      batch.push({ field, revision, bytes });
      if (batch.length < entitiesPerBatch) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  async readLog(after: LogHead, blockMs: number): Promise<LogRead> {
    const read = await this.wait(() => readAfter(this.host.cell, after), blockMs);
    return read ?? { ok: true, entries: [], isFull: false };
  }
}

/** Returns the entries after a point. Undefined if there are none yet. */
export function readAfter(cell: MemoryCell, after: LogHead): LogRead | undefined {
  const { head, log } = cell;
  if (head.revision < after.revision) return { ok: false, reason: 'diverged' };
  if (head.revision === after.revision) {
    return head.commitId === after.commitId ? undefined : { ok: false, reason: 'diverged' };
  }
  const first = log[0];
  if (first === undefined || first.revision > after.revision + 1) return { ok: false, reason: 'trimmed' };
  const from = after.revision + 1 - first.revision;
  if (log[from]?.previousCommitId !== after.commitId) return { ok: false, reason: 'diverged' };
  const entries = log.slice(from, from + entriesPerRead);
  return { ok: true, entries, isFull: entries.length === entriesPerRead };
}

export class MemoryReportInbox extends MemoryReader implements ReportInbox {
  async readReports(afterId: string, limit: number, blockMs: number): Promise<readonly QueuedReport[]> {
    const take = () => {
      const items = this.host.cell.reports.after(afterId, limit);
      return items.length === 0 ? undefined : items;
    };
    const items = (await this.wait(take, blockMs)) ?? [];
    return items.flatMap(({ id, value }) =>
      unpackParts(value).map((bytes) => ({ streamId: id, report: TaskReport.decode(bytes) })),
    );
  }
}

export class MemoryAssignmentFeed extends MemoryReader implements AssignmentFeed {
  readonly #name: string;
  readonly #decoder: AssignmentDecoder;
  #position: string | undefined;

  constructor(name: string, host: MemoryHost) {
    super(host);
    this.#name = name;
    this.#decoder = new AssignmentDecoder(host.tuning);
  }

  async readAssignments(agentId: string): Promise<readonly Assignment[]> {
    this.throwIfClosed();
    this.#begin();
    return [...(this.host.cell.assigned.get(agentId)?.values() ?? [])].map((bytes) =>
      this.#decoder.decode(bytes),
    );
  }

  async findRun(agentId: string, taskIds: readonly string[]): Promise<readonly string[]> {
    this.throwIfClosed();
    return taskIds.filter((id) => {
      const stored = this.host.cell.entities.get(fieldOf('task', id));
      return stored !== undefined && hasRunOn(stored.bytes, agentId);
    });
  }

  async readChanges(blockMs: number): Promise<readonly AssignmentChange[]> {
    this.#begin();
    const take = () => {
      const changes = this.#take();
      return changes.length === 0 ? undefined : changes;
    };
    return (await this.wait(take, blockMs)) ?? [];
  }

  #begin(): string {
    this.#position ??= this.host.cell.assignmentStream(this.#name).lastId;
    return this.#position;
  }

  #take(): AssignmentChange[] {
    const stream = this.host.cell.assignmentStream(this.#name);
    const items = stream.after(this.#begin());
    this.#position = stream.lastId;
    return items
      .flatMap(({ value }) => value)
      .map(({ agentId, taskId, bytes }) => ({
        agentId,
        taskId,
        ...(bytes.length === 0 ? {} : { assignment: this.#decoder.decode(bytes) }),
      }));
  }
}

export class MemorySampleFeed implements SampleFeed {
  readonly batches$: Observable<SampleBatch>;
  readonly #closed = new Subject<void>();

  constructor({ samples }: MemoryHost) {
    this.batches$ = samples.pipe(takeUntil(this.#closed));
  }

  async close(): Promise<void> {
    this.#closed.next();
  }
}
