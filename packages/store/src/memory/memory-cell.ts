import { type CommitState, refuseCommit } from '../commit/commit-rules.js';
import type { PreparedCommit } from '../commit/prepared-commit.js';
import type { CommitResult } from '../contract/commit.js';
import { archivePartBytes, commitMemoryMs } from '../contract/limits.js';
import type { LogEntry, LogHead } from '../contract/log.js';
import { ExpiringMap } from './expiring-map.js';
import { MemoryStream } from './memory-stream.js';

type Applied = Extract<CommitResult, { readonly ok: true }>;

/** An entry of the log with the id of the commit before it. A reader detects a replaced log by it. */
interface ChainedEntry extends LogEntry {
  readonly previousCommitId: string;
}

interface StoredRecord {
  readonly revision: number;
  readonly bytes: Uint8Array;
}

/** A change in a feed of assignments. Empty bytes take the task off the agent. */
interface AssignmentEvent {
  readonly agentId: string;
  readonly taskId: string;
  readonly bytes: Uint8Array;
}

/** The lengths of the streams of a cell. */
interface Retention {
  readonly log: number;
  readonly assignments: number;
  readonly reports: number;
}

/** A part of a job's archive, and the time of its end. */
interface ArchivePart {
  readonly untilMs: number;
  /** The bytes that were written to it. */
  readonly bytes: number;
  readonly fields: ReadonlyMap<string, Uint8Array>;
}

/** The data of a cell as Redis would hold it. Time is an argument, and no call waits. */
export class MemoryCell implements CommitState {
  cellId: string | undefined;
  readonly entities = new Map<string, StoredRecord>();
  readonly log: ChainedEntry[] = [];
  readonly heartbeats = new Map<string, number>();
  subscribed = new ExpiringMap<number>();
  /** Each item is a batch of reports. */
  reports: MemoryStream<Buffer>;
  readonly assigned = new Map<string, Map<string, Uint8Array>>();
  readonly assignments = new Map<string, MemoryStream<readonly AssignmentEvent[]>>();
  archives = new ExpiringMap<ArchivePart>();
  olderArchives = new ExpiringMap<ArchivePart>();
  head: LogHead = { revision: 0, commitId: '' };
  epoch = 0;
  lease: { readonly holder: string; readonly epoch: number; readonly expiresAtMs: number } | undefined;
  #applied = new ExpiringMap<Applied>();
  #claims = new ExpiringMap<string>();
  readonly #retention: Retention;
  #nowMs = 0;

  constructor(retention: Retention) {
    this.#retention = retention;
    this.reports = new MemoryStream(retention.reports);
  }

  /** Returns a cell of its own with the same data: the state to which a test sets the store back. */
  copy(): MemoryCell {
    const copied = new MemoryCell(this.#retention);
    copied.cellId = this.cellId;
    for (const [field, stored] of this.entities) copied.entities.set(field, stored);
    copied.log.push(...this.log);
    for (const [agentId, atMs] of this.heartbeats) copied.heartbeats.set(agentId, atMs);
    copied.subscribed = this.subscribed.copy();
    copied.reports = this.reports.copy();
    for (const [agentId, tasks] of this.assigned) copied.assigned.set(agentId, new Map(tasks));
    for (const [feed, stream] of this.assignments) copied.assignments.set(feed, stream.copy());
    copied.archives = this.archives.copy();
    copied.olderArchives = this.olderArchives.copy();
    copied.head = this.head;
    copied.epoch = this.epoch;
    copied.lease = this.lease;
    copied.#applied = this.#applied.copy();
    copied.#claims = this.#claims.copy();
    return copied;
  }

  revisionOf(field: string): number {
    return this.entities.get(field)?.revision ?? 0;
  }

  ownerOf(claim: string, nowMs = this.#nowMs): string | undefined {
    return this.#claims.get(claim, nowMs);
  }

  leadsOnFrom({ revision, commitId }: LogHead): boolean {
    const { head } = this;
    if (revision >= head.revision) return revision === head.revision && commitId === head.commitId;
    if (this.#applied.get(commitId, this.#nowMs)?.revision === revision) return true;
    // Revisions are consecutive, so the place of the next entry follows from the first one.
    const next = this.log[revision + 1 - (this.log[0]?.revision ?? 0)];
    return next?.previousCommitId === commitId;
  }

  /** Returns the stream of the feed of this name. Each item is one commit's changes. */
  assignmentStream(feed: string): MemoryStream<readonly AssignmentEvent[]> {
    let stream = this.assignments.get(feed);
    if (stream === undefined) {
      stream = new MemoryStream(this.#retention.assignments);
      this.assignments.set(feed, stream);
    }
    return stream;
  }

  /** Applies all of the commit, or nothing. The commit script of the Redis store does the same. */
  apply(commit: PreparedCommit, nowMs: number): CommitResult {
    this.#nowMs = nowMs;
    this.#applied.dropExpired(nowMs);
    const earlier = this.#applied.get(commit.commitId, nowMs);
    if (earlier !== undefined) return earlier;
    const refusal = refuseCommit(this, commit);
    if (refusal !== undefined) return refusal;
    if (commit.writes.length > 0) this.#write(commit, nowMs);
    this.#assign(commit);
    this.#claim(commit, nowMs);
    this.#archive(commit, nowMs);
    if (commit.firstUnacknowledged !== undefined) this.reports.dropBelow(commit.firstUnacknowledged);
    for (const agentId of commit.forgottenAgents) this.#forget(agentId);
    const applied: Applied = { ok: true, revision: this.head.revision, atMs: nowMs };
    this.#applied.set(commit.commitId, applied, nowMs + commitMemoryMs);
    return applied;
  }

  /** Removes all but the newest entries of the log. */
  trimLog(keep: number): void {
    this.log.splice(0, Math.max(0, this.log.length - keep));
  }

  #write(commit: PreparedCommit, atMs: number): void {
    const revision = this.head.revision + 1;
    const { commitId, actor } = commit;
    for (const { field, bytes } of commit.writes) {
      if (bytes.length === 0) this.entities.delete(field);
      else this.entities.set(field, { revision, bytes });
    }
    const writes = commit.writes.map(({ field, bytes }) => ({ field, revision, bytes }));
    this.log.push({ revision, commitId, previousCommitId: this.head.commitId, atMs, actor, writes });
    this.head = { revision, commitId };
    // In blocks, because each cut moves the rest.
    if (this.log.length > this.#retention.log * 1.1) this.trimLog(this.#retention.log);
  }

  #assign(commit: PreparedCommit): void {
    for (const [feed, changes] of commit.assignments) {
      for (const { agentId, taskId, bytes } of changes) {
        const tasks = this.assigned.get(agentId) ?? new Map<string, Uint8Array>();
        if (bytes.length === 0) tasks.delete(taskId);
        else tasks.set(taskId, bytes);
        if (tasks.size === 0) this.assigned.delete(agentId);
        else this.assigned.set(agentId, tasks);
      }
      this.assignmentStream(feed).add(changes);
    }
  }

  #claim(commit: PreparedCommit, nowMs: number): void {
    for (const { name, owner, ttlMs } of commit.claims) {
      this.#claims.set(name, owner, ttlMs === undefined ? undefined : nowMs + ttlMs);
    }
    for (const { name, owner } of commit.releaseClaims)
      if (this.#claims.get(name, nowMs) === owner) this.#claims.delete(name);
  }

  #archive(commit: PreparedCommit, nowMs: number): void {
    for (const { jobId, ttlMs, fields } of commit.archive) {
      const kept = this.archives.get(jobId, nowMs);
      const isOver =
        kept !== undefined && (kept.untilMs - nowMs < ttlMs / 2 || kept.bytes >= archivePartBytes);
      if (isOver) this.olderArchives.set(jobId, kept, kept.untilMs);
      const isEnd = fields.some(([name]) => name === 'job');
      const older = this.olderArchives.get(jobId, nowMs);
      if (isEnd && older !== undefined) this.olderArchives.set(jobId, older, nowMs + ttlMs);
      const base = isOver ? undefined : kept;
      const untilMs = isEnd ? nowMs + ttlMs : (base?.untilMs ?? nowMs + ttlMs);
      const bytes = fields.reduce((sum, [, value]) => sum + value.length, base?.bytes ?? 0);
      const all = new Map([...(base?.fields ?? []), ...fields]);
      this.archives.set(jobId, { untilMs, bytes, fields: all }, untilMs);
    }
  }

  #forget(agentId: string): void {
    this.heartbeats.delete(agentId);
    this.assigned.delete(agentId);
    this.assignments.get(agentId)?.clear();
  }
}
