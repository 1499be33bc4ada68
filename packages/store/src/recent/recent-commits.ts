import type { AnyChange, CommitChanges } from '@berth/shared/model/cell/change';
import type { Observable, Subscription } from 'rxjs';
import type { LogEntry, LogHead } from '../contract/log.js';
import type { Tuning } from '../contract/tuning.js';
import { resyncActor } from '../replica/replica.js';
import { SegmentPool } from '../wire/segment-pool.js';
import { changesIn, type StoredChange } from './stored-change.js';
import { StoredCommit, type StoredCommitOptions } from './stored-commit.js';

/** The bounds of the memory: the oldest commits go as soon as one of them is passed. */
export interface RecentLimits {
  readonly commits: number;
  readonly bytes: number;
}

const defaultRecentLimits: RecentLimits = { commits: 50_000, bytes: 64 * 1024 * 1024 };

/** A segment holds some hundred commits of a busy cell. */
const segmentBytes = 1024 * 1024;

/** The source of the commits: a replica, in most cases. */
interface CommitSource {
  readonly head: LogHead;
  readonly changes$: Observable<CommitChanges>;
  readonly tuning?: Tuning;
}

interface RecentCommitsOptions {
  /** True for the changes that are kept. */
  readonly isRelevant: (change: AnyChange) => boolean;
  readonly limits?: RecentLimits;
}

/** The identity and the time of the last commit. */
type LastCommit = Pick<CommitChanges, 'revision' | 'commitId' | 'atMs'>;

/**
 * The last commits that this process has seen, in memory. Most observers that come back were away only for a
 * moment.
 */
export class RecentCommits {
  readonly #limits: RecentLimits;
  readonly #subscription: Subscription;
  readonly #kept: StoredCommitOptions;
  /** An array that is cut in large steps: a ring would save the moves, but they are rare. */
  #commits: StoredCommit[] = [];
  #first = 0;
  #bytes = 0;
  /** The commit before the first that is kept. */
  #before: LogHead;
  #last: LastCommit;

  constructor(source: CommitSource, { isRelevant, limits = defaultRecentLimits }: RecentCommitsOptions) {
    this.#limits = limits;
    const { tuning = 'on' } = source;
    // Without a segment to share, each commit gets memory of its own.
    const pool = new SegmentPool(tuning === 'off' ? 0 : segmentBytes);
    this.#kept = { isRelevant, pool, tuning };
    this.#before = source.head;
    this.#last = { ...source.head, atMs: 0 };
    this.#subscription = source.changes$.subscribe((commit) => this.#take(commit));
  }

  /** The last commit. Its time is 0 until one has been seen. */
  get last(): LastCommit {
    return this.#last;
  }

  /** The point after which every commit is kept. */
  get start(): LogHead {
    return this.#before;
  }

  /**
   * The commits after a point, at most `most`. The caller reads them before it gives up its turn of the event
   * loop. Undefined if the point lies too far back or belongs to another history.
   */
  after(
    { revision, commitId }: LogHead,
    most: number = Number.POSITIVE_INFINITY,
  ): readonly StoredCommit[] | undefined {
    const index = revision - this.#before.revision;
    const kept = this.#commits.length - this.#first;
    if (index < 0 || index > kept) return undefined;
    const known = index === 0 ? this.#before : this.#commits[this.#first + index - 1];
    if (known?.revision !== revision || (commitId !== '' && known.commitId !== commitId)) return undefined;
    const first = this.#first + index;
    return this.#commits.slice(first, first + most);
  }

  /** Returns the changes of an entry of the log, in the form of those that are kept. */
  changesOf(entry: LogEntry): readonly StoredChange[] {
    return changesIn(entry, this.#kept.tuning);
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  #take(commit: CommitChanges): void {
    const { revision, commitId, atMs } = commit;
    this.#last = { revision, commitId, atMs };
    if (commit.actor === resyncActor) return this.#restart(commit);
    const stored = new StoredCommit(commit, this.#kept);
    this.#commits.push(stored);
    this.#bytes += stored.byteLength;
    while (this.#bytes > this.#limits.bytes || this.#commits.length - this.#first > this.#limits.commits)
      this.#dropFirst();
    if (this.#first <= this.#commits.length / 2) return;
    this.#commits = this.#commits.slice(this.#first);
    this.#first = 0;
  }

  #dropFirst(): void {
    const oldest = this.#commits[this.#first];
    if (oldest === undefined) return;
    oldest.release(this.#kept.pool);
    this.#bytes -= oldest.byteLength;
    this.#before = { revision: oldest.revision, commitId: oldest.commitId };
    this.#first += 1;
  }

  /** After a resynchronisation the commits in between are unknown. */
  #restart({ revision, commitId }: CommitChanges): void {
    for (const commit of this.#commits.slice(this.#first)) commit.release(this.#kept.pool);
    this.#commits = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#before = { revision, commitId };
  }
}
