import type { Assignment, SampleBatch, TaskReport } from '@berth/shared/gen/berth/v1/store';
import type { EntityKind, EntityRecords } from '@berth/shared/model/cell/entity';
import type { Observable } from 'rxjs';

/** A write to one entity. Without a record the entity is removed. */
export type Write = {
  [K in EntityKind]: {
    readonly kind: K;
    readonly id: string;
    readonly record?: EntityRecords[K];
    /** The record's bytes, where it is encoded already. */
    readonly bytes?: Uint8Array;
    /** The commit fails with a conflict unless the entity is at this revision; 0: unless it does not exist. */
    readonly expectedRevision?: number;
  };
}[EntityKind];

/** A precondition on an entity that the commit does not write. */
export interface Expectation {
  readonly kind: EntityKind;
  readonly id: string;
  /** 0: that it does not exist. */
  readonly revision: number;
}

/** A change to what one agent is to run. Without an assignment the task is taken off the agent. */
export interface AssignmentWrite {
  readonly agentId: string;
  readonly taskId: string;
  readonly assignment?: Assignment | undefined;
  /** The feed on which the agent hears of it; its id where it has none of another name. */
  readonly feed?: string | undefined;
}

/** A name that only one owner holds at a time: taken in the commit, or the commit fails. */
export interface Claim {
  readonly name: string;
  readonly owner: string;
  /** How long the claim lasts; without it, until released. */
  readonly ttlMs?: number;
  /** The owner from whom it may be taken, since that one needs it no more. */
  readonly takenFrom?: string;
}

/** A name that is given back, if this owner still holds it. */
export type Release = Pick<Claim, 'name' | 'owner'>;

/**
 * What is kept of a finished job: `fields` by entity field name (`job`, `jobStatus`, `task/ID`), stored bytes. All of it is
 * kept for `ttlMs` from the write of the `job`; until then, tasks for at least half of that.
 */
export interface ArchiveWrite {
  readonly jobId: string;
  readonly fields: Readonly<Record<string, Uint8Array>>;
  readonly ttlMs: number;
}

/** One atomic change of the cell: all of it happens, or nothing. At most {@link maxWritesPerCommit} writes. */
export interface CommitRequest {
  /** Who asks for it: a caller's id, `master`, or `agent/ID`. */
  readonly actor: string;
  readonly writes: readonly Write[];
  /** The commit fails with a conflict unless these entities are at these revisions. None of them may be written too. */
  readonly expects?: readonly Expectation[];
  /** The leader's epoch: a commit of an earlier epoch is fenced off. Masters always give it. */
  readonly epoch?: number;
  /** Makes a repeated request apply once, for some minutes. Made up where it is not given. */
  readonly commitId?: string;
  readonly assignments?: readonly AssignmentWrite[];
  readonly claims?: readonly Claim[];
  /** No two of one name, of which none may be claimed too. */
  readonly releaseClaims?: readonly Release[];
  readonly archive?: readonly ArchiveWrite[];
  /** Batches of reports up to and including this stream id are acknowledged: this commit holds what they mean. */
  readonly ackReportsThrough?: string;
}

/** More writes than this in one commit would hold up other clients of Redis for too long. */
export const maxWritesPerCommit = 2000;

export type CommitResult =
  | { readonly ok: true; readonly revision: number; readonly atMs: number }
  | {
      readonly ok: false;
      readonly reason: 'conflict';
      readonly kind: EntityKind;
      readonly id: string;
      readonly actualRevision: number;
    }
  | { readonly ok: false; readonly reason: 'fenced'; readonly epoch: number }
  | { readonly ok: false; readonly reason: 'claimed'; readonly name: string; readonly owner: string };

/** The end of the log: the last revision, and the commit that made it. Revision 0 is the empty cell. */
export interface LogHead {
  readonly revision: number;
  readonly commitId: string;
}

/** An entity as stored; empty bytes are a removal. `field` is `KIND/ID`. */
export interface StoredEntity {
  readonly field: string;
  readonly revision: number;
  readonly bytes: Uint8Array;
}

/** One entry of the change log, as stored. */
export interface LogEntry {
  readonly revision: number;
  readonly commitId: string;
  readonly atMs: number;
  readonly actor: string;
  readonly writes: readonly StoredEntity[];
  /** The writes as the log holds them (see `packed-writes`), where it is one that holds them so. Not to be kept without a copy. */
  readonly packed?: Uint8Array;
}

/** Entries after a revision, or the news that they cannot be had: trimmed away, or the log is another one. */
export type LogRead =
  | {
      readonly ok: true;
      readonly entries: readonly LogEntry[];
      /** Whether it brings all that one read can: there may be more. */
      readonly isFull: boolean;
    }
  | { readonly ok: false; readonly reason: 'trimmed' | 'diverged' };

/** Writes to the cell. */
export interface Committer {
  /**
   * Applies the request atomically and durably; a lost reply is retried without applying twice.
   * Fails with BerthError `unavailable` when Redis does not answer within the commit time limit: the outcome is then
   * unknown, and the same `commitId` may be used to ask again.
   */
  commit(request: CommitRequest): Promise<CommitResult>;
}

export interface LogReaderOptions {
  /** Whether it follows the log for as long as its process lives: then it may use more connections when much has piled up. */
  readonly follows?: boolean;
}

/**
 * Reads the cell's state and its change log. Each reader has a connection of its own, since `readLog` blocks. Its calls, like
 * those of the other readers, fail with BerthError `unavailable` when Redis does not answer or the reader is closed.
 */
export interface LogReader {
  head(): Promise<LogHead>;
  /** All entities, in no order, each at least as new as when the scan began. */
  scan(): AsyncIterable<readonly StoredEntity[]>;
  /** Entries that follow `after`, which must be a point the reader has seen; waits up to `blockMs` for the first. */
  readLog(after: LogHead, blockMs: number): Promise<LogRead>;
  close(): Promise<void>;
}

/** Finished jobs after they have left the replica. */
export interface Archive {
  /** The fields archived for the job, or undefined. */
  findArchived(jobId: string): Promise<ReadonlyMap<string, Uint8Array> | undefined>;
}

/** Who holds which name. */
export interface Claims {
  /** The owner of the claimed name, undefined where nobody holds it. A moment later it may be another's. */
  findClaim(name: string): Promise<string | undefined>;
}

/** A report with the place of its batch in the stream of reports. Those of one batch are acknowledged as one. */
export interface QueuedReport {
  readonly streamId: string;
  readonly report: TaskReport;
}

/** The master's end of the stream of reports. Only a commit acknowledges (removes) them. */
export interface ReportInbox {
  /**
   * Reports after `afterId` (`0` for the first unacknowledged), those of at most `limit` batches, each of them whole; waits up
   * to `blockMs` for one.
   */
  readReports(afterId: string, limit: number, blockMs: number): Promise<readonly QueuedReport[]>;
  close(): Promise<void>;
}

/** Tells whether the change log is still what it was. */
export interface LogWitness {
  /**
   * Whether the log still leads on from a point that was seen: otherwise data was lost since. Of a point that is trimmed away
   * nothing is known, which counts as leading on.
   */
  leadsOnFrom(point: LogHead): Promise<boolean>;
}

/** Agents' signs of life, timed by Redis's clock. */
export interface Heartbeats {
  beat(agentIds: readonly string[]): Promise<void>;
  /** Agents that have beaten before, but not within the last `silentMs`. */
  findSilent(silentMs: number): Promise<readonly string[]>;
  /** Which of these agents have beaten within the last `withinMs`. */
  findBeating(agentIds: readonly string[], withinMs: number): Promise<readonly string[]>;
}

/** A change of an agent's assignments: `assignment` undefined means the task is taken off. */
export interface AssignmentChange {
  readonly agentId: string;
  readonly taskId: string;
  readonly assignment?: Assignment;
}

/** The agents' end of the cell. One feed serves all the agents of a process, which say so in their records. */
export interface AssignmentFeed {
  /** Everything the agent is to run now. Changes that follow are told by `readChanges`. */
  readAssignments(agentId: string): Promise<readonly Assignment[]>;
  /**
   * Changes on this feed since the last call; waits up to `blockMs` for one. It begins at the present of the first call, of
   * this method or of `readAssignments`. Who stayed away for many changes misses the oldest: read all assignments now and
   * then.
   */
  readChanges(blockMs: number): Promise<readonly AssignmentChange[]>;
  close(): Promise<void>;
}

/** Where agents leave their reports. */
export interface ReportOutbox {
  /** Stores the reports durably, in order. */
  publish(reports: readonly TaskReport[]): Promise<void>;
}

/** A held lease: the epoch fences every commit made under it. */
export interface HeldLease {
  readonly epoch: number;
}

/** The leader's lease. Time runs on Redis's clock. */
export interface LeaderLease {
  /**
   * Takes the lease if nobody holds it, or this holder does; each time with a greater epoch, also after Redis was set
   * back. Undefined while another holds it.
   */
  tryAcquire(holder: string, ttlMs: number): Promise<HeldLease | undefined>;
  /** Prolongs it; false when it is lost. */
  renew(holder: string, epoch: number, ttlMs: number): Promise<boolean>;
  /** Gives it up, so that a standby need not wait. */
  release(holder: string, epoch: number): Promise<void>;
}

/** Where agents tell what their tasks use. Whoever listens hears it; nothing is stored, so nothing waits for a disk. */
export interface SampleOutbox {
  /**
   * Tries once, and fails with BerthError `unavailable` where Redis does not take the batch at once: samples must not queue
   * before reports and heartbeats. Keep batches small (some hundred samples).
   */
  publishSamples(batch: SampleBatch): Promise<void>;
}

/** The master's ear for samples. What is published while nobody listens, or while Redis is away, is lost. */
export interface SampleFeed {
  /** Hot: a subscriber hears what comes from then on. Completes when the feed is closed. */
  readonly batches$: Observable<SampleBatch>;
  close(): Promise<void>;
}

/** Who watches a job. Gateways say so while a stream on it is open; time runs on Redis's clock. */
export interface Subscriptions {
  /** Somebody observes these jobs now. */
  touchSubscribed(jobIds: readonly string[]): Promise<void>;
  /** When each of these jobs was last observed, in milliseconds since the epoch; absent where never. */
  lastSubscribedMs(jobIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Drops what is known of jobs that are over. */
  forgetSubscribed(jobIds: readonly string[]): Promise<void>;
}
