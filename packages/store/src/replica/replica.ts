import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Entity, EntityKind } from '@berth/shared/model/cell/entity';
import { BerthError } from '@berth/shared/model/errors/errors';
import { type BackoffPolicy, backoff, retry } from '@berth/shared/process/backoff';
import { type Clock, nextTurn, systemClock } from '@berth/shared/process/clock';
import { type Logger, silentLogger } from '@berth/shared/process/logger';
import { type Observable, Subject } from 'rxjs';
import type { EncodedWrite } from '../commit/encoded-write.js';
import type { Write } from '../contract/commit.js';
import type { LogEntry, LogHead, LogReader } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
import { encodeRecord } from '../wire/codec.js';
import { packedOf } from '../wire/packed-entry.js';
import { encodeTask } from '../wire/task-encoding.js';
import { AppliedCommit } from './applied-commit.js';
import { type CellTables, diffTables } from './cell-tables.js';
import { HeadWaiters } from './head-waiters.js';
import { OwnCommits } from './own-commits.js';
import { RecentHeads } from './recent-heads.js';
import { RevisionWaiters } from './revision-waiters.js';
import { loadSnapshot, type Snapshot } from './snapshot.js';

export interface ReplicaOptions {
  readonly log?: Logger;
  /** Ends the start, and later closes the replica. */
  readonly signal?: AbortSignal;
  /** One read of the log waits this long for an entry. */
  readonly blockMs?: number;
  readonly clock?: Clock;
  /** `on` if absent. Stores of the same process have the same. */
  readonly tuning?: Tuning;
}

/** The `actor` of the CommitChanges that a resynchronisation emits. */
export const resyncActor = 'resync';

const defaultBlockMs = 5_000;
/** The reader itself waits for a lost connection. This delay only spaces out quick failures. */
const followRetryPolicy: BackoffPolicy = { initialMs: 50, maxMs: 1_000, jitter: 0.5 };
/** A replica is behind if full reads in a row have returned this many entries. */
const backlogEntries = 128;
/** In a long backlog, other work gets its turn after this many changes. */
const changesPerTurn = 1_000;

const removed = new Uint8Array(0);

/**
 * The cell in memory: a snapshot plus the change log. Reads never block, and their results are immutable.
 * Only an iterable of {@link all} follows the live state: a caller must not keep it across an await.
 *
 * Invariants: `head` is the last applied commit, and the tables are the state at exactly that commit. Commits
 * are applied in the order of the log, each of them once. If the log cannot be continued (trimmed, replaced,
 * an entry that cannot be decoded), the replica takes a new snapshot and emits the difference.
 */
export class Replica implements CellView {
  /**
   * Each commit, in order, emitted after it was applied and before the next one is. After a resynchronisation
   * one CommitChanges by {@link resyncActor} holds the difference. Its revision need not follow the one
   * before, and is smaller if the store was set back. An error thrown by a subscriber becomes an uncaught
   * error of the process; the replica and other subscribers continue. Completes when the replica is closed.
   */
  readonly changes$: Observable<CommitChanges>;
  readonly tuning: Tuning;
  readonly #changes = new Subject<CommitChanges>();
  readonly #waiters = new RevisionWaiters();
  readonly #headWaiters = new HeadWaiters();
  readonly #own = new OwnCommits();
  readonly #closing = new AbortController();
  readonly #reader: LogReader;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #blockMs: number;
  readonly #done: Promise<void>;
  #tables: CellTables;
  #head: LogHead;
  #recentHeads: RecentHeads;
  #lastCommitAtMs: number;
  #isConnected = true;
  #isBehind = false;
  /** The number of entries of the last full reads in a row. */
  #backlog = 0;

  /**
   * Resolves when the state at the present head is in memory. It retries while the store does not answer,
   * until the signal aborts; then it rejects with the signal's reason. The replica owns the reader and closes
   * it.
   */
  static async start(reader: LogReader, options: ReplicaOptions = {}): Promise<Replica> {
    const { log = silentLogger, clock = systemClock, signal, tuning = 'on' } = options;
    const closeReader = closerOf(reader, log);
    signal?.addEventListener('abort', closeReader, { once: true });
    try {
      const snapshot = await retry(() => loadSnapshot(reader, log, tuning), {
        clock,
        log,
        what: 'read the state of the cell',
        ...(signal && { signal }),
      });
      return new Replica(reader, snapshot, options);
    } catch (error) {
      await reader.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', closeReader);
    }
  }

  private constructor(reader: LogReader, snapshot: Snapshot, options: ReplicaOptions) {
    this.changes$ = this.#changes.asObservable();
    this.#reader = reader;
    this.#log = options.log ?? silentLogger;
    this.#clock = options.clock ?? systemClock;
    this.#blockMs = options.blockMs ?? defaultBlockMs;
    this.tuning = options.tuning ?? 'on';
    this.#tables = snapshot.tables;
    this.#head = snapshot.head;
    this.#recentHeads = new RecentHeads(snapshot.head);
    this.#lastCommitAtMs = snapshot.atMs ?? this.#clock.nowMs();
    this.#done = this.#follow();
    this.#closeOnAbort(options.signal);
  }

  get revision(): number {
    return this.#head.revision;
  }

  get head(): LogHead {
    return this.#head;
  }

  /** True if the last read of the log succeeded. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /**
   * True while the replica is known to be behind the log: cut off, loading a snapshot, or applying a backlog.
   */
  get lagging(): boolean {
    return this.#isBehind || !this.#isConnected;
  }

  find<K extends EntityKind>(kind: K, id: string): Entity<K> | undefined {
    return this.#tables.find(kind, id);
  }

  all<K extends EntityKind>(kind: K): Iterable<Entity<K>> {
    return this.#tables.all(kind);
  }

  count(kind: EntityKind): number {
    return this.#tables.count(kind);
  }

  tasksOf(jobId: string): readonly Entity<'task'>[] {
    return this.#tables.tasksOf(jobId);
  }

  /**
   * Encodes the writes of a commit that this process is about to make under that id. When the log brings the
   * commit back, the replica takes these records instead of decoding them, so nobody may change them any
   * more. A commit that is never made costs a bounded amount of memory. Fails with BerthError
   * `invalidArgument` for a record that is not complete.
   */
  encodeOwn(commitId: string, writes: readonly Write[]): readonly Write[] {
    if (this.tuning === 'off') return writes;
    const encoded = writes.map((write) => this.#encode(write));
    this.#own.expect(commitId, encoded);
    return encoded;
  }

  #encode(write: Write): EncodedWrite {
    return Object.assign({}, write, { bytes: this.#bytesOf(write) });
  }

  #bytesOf(write: Write): Uint8Array {
    if (write.record === undefined) return removed;
    const before = write.kind === 'task' ? this.#tables.find(write.kind, write.id) : undefined;
    return write.kind === 'task' && before !== undefined
      ? encodeTask(write.record, before)
      : encodeRecord(write.kind, write.record);
  }

  /**
   * Resolves once the revision is applied, in the history that the replica knows at that moment: for
   * positions of callers. A decision that depends on a commit waits for {@link waitForHead}. Rejects with
   * BerthError `deadlineExceeded` after `timeoutMs`, with `unavailable` when the replica is closed, and
   * with the signal's reason once it aborts.
   */
  async waitFor(revision: number, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (revision <= this.revision) return;
    if (this.#closing.signal.aborted) throw closedError();
    await this.#waiters.wait(revision, { timeoutMs, clock: this.#clock, ...(signal && { signal }) });
  }

  /**
   * Resolves once the replica holds this commit, or a snapshot that was taken later. A greater revision alone
   * is not enough: a store that was set back has another history up to it. Rejects like {@link waitFor}.
   */
  async waitForHead(head: LogHead, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#recentHeads.includes(head)) return;
    if (this.#closing.signal.aborted) throw closedError();
    await this.#headWaiters.wait(head, { timeoutMs, clock: this.#clock, ...(signal && { signal }) });
  }

  /** Stops following the log and closes the reader. */
  async close(): Promise<void> {
    if (!this.#closing.signal.aborted) {
      this.#closing.abort();
      this.#isConnected = false;
      this.#waiters.rejectAll(closedError());
      this.#headWaiters.rejectAll(closedError());
      await this.#reader.close();
      this.#changes.complete();
    }
    await this.#done;
  }

  #closeOnAbort(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const close = closerOf(this, this.#log);
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true, signal: this.#closing.signal });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#closing;
    const delays = backoff(followRetryPolicy);
    while (!signal.aborted) {
      try {
        await this.#readOnce();
        this.#setConnected(true);
        delays.reset();
      } catch (err) {
        if (signal.aborted) return;
        this.#setConnected(false, err);
        await this.#clock.sleep(delays.nextMs(), signal);
      }
    }
  }

  #setConnected(isConnected: boolean, err?: unknown): void {
    if (this.#isConnected === isConnected || this.#closing.signal.aborted) return;
    this.#isConnected = isConnected;
    const revision = this.revision;
    if (isConnected) this.#log.debug({ revision }, 'the replica follows the change log again');
    // The store itself logs an outage, once for all its users.
    else if (err instanceof BerthError && err.code === 'unavailable')
      this.#log.debug({ err }, 'the log is away');
    else
      this.#log.error(
        { err, revision },
        'the replica cannot read the change log and keeps its last state meanwhile',
      );
  }

  async #readOnce(): Promise<void> {
    // After an outage the first read does not wait: an answer alone shows that the log can be read again.
    const read = await this.#reader.readLog(this.#head, this.#isConnected ? this.#blockMs : 0);
    if (this.#closing.signal.aborted) return;
    if (!read.ok) return this.#resynchronise(`the change log was ${read.reason}`);
    // One full read may be a burst. Several in a row are a backlog.
    this.#backlog = read.isFull ? this.#backlog + read.entries.length : 0;
    this.#isBehind = this.#backlog >= backlogEntries;
    let changes = 0;
    for (const entry of read.entries) {
      const applied = this.#tryApply(entry);
      if (typeof applied === 'string') return this.#resynchronise(applied);
      changes += applied;
      if (changes < changesPerTurn) continue;
      changes = 0;
      await nextTurn();
      if (this.#closing.signal.aborted) return;
    }
  }

  /** Returns the number of changes of the entry, or the reason why it cannot be applied. */
  #tryApply(entry: LogEntry): number | string {
    const { revision, commitId } = entry;
    const own = this.#own.take(commitId);
    let changes: CommitChanges['changes'];
    try {
      changes = this.#tables.apply(entry, own);
    } catch (err) {
      this.#log.error({ err, revision }, 'an entry of the change log cannot be decoded');
      return `its entry ${revision} cannot be decoded`;
    }
    // With skipped writes the log holds more than the changes here.
    const isWhole = changes.length === (own ?? entry.writes).length;
    this.#advance(new AppliedCommit(entry, changes, isWhole ? packedOf(entry) : undefined));
    return changes.length;
  }

  async #resynchronise(why: string): Promise<void> {
    const from = this.revision;
    this.#isBehind = true;
    this.#log.warn({ revision: from }, `taking a new snapshot of the cell: ${why}`);
    const { tables, head, atMs } = await loadSnapshot(this.#reader, this.#log, this.tuning);
    if (this.#closing.signal.aborted) return;
    const changes = diffTables(this.#tables, tables);
    this.#tables = tables;
    this.#isBehind = false;
    this.#log.info({ from, to: head.revision, changes: changes.length }, 'the new snapshot is in place');
    this.#recentHeads = new RecentHeads(head);
    this.#advance({ ...head, atMs: atMs ?? this.#lastCommitAtMs, actor: resyncActor, changes });
    this.#headWaiters.restarted(head);
  }

  #advance(commit: CommitChanges): void {
    const from = this.revision;
    this.#head = { revision: commit.revision, commitId: commit.commitId };
    this.#recentHeads.add(this.#head);
    this.#lastCommitAtMs = commit.atMs;
    this.#changes.next(commit);
    this.#waiters.reached(from, commit.revision);
    this.#headWaiters.applied(this.#head);
  }
}

/** Returns a function that closes the target without a wait. */
function closerOf(target: { close(): Promise<void> }, log: Logger): () => void {
  return () => {
    target.close().catch((err: unknown) => log.error({ err }, 'the replica did not close cleanly'));
  };
}

function closedError(): BerthError {
  return new BerthError('unavailable', 'The replica is closed.');
}
