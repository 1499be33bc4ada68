import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { LogHead } from '@berth/store';
import { resyncActor } from '@berth/store/replica';
import type { Subscription } from 'rxjs';
import type { ChangingView } from '../../gateway/views/changing-view.js';
import { RecycledMemory } from '../../tuning/segment-pool.js';
import { type CommitMark, markOf } from './core/cell-changes.js';
import { KeptCommit } from './stored-commit.js';

/** What is kept of the past, whichever is reached first. */
export interface TailLimits {
  readonly commits: number;
  readonly bytes: number;
}

export const defaultTailLimits: TailLimits = { commits: 50_000, bytes: 64 * 1024 * 1024 };

/** Some hundred commits in a busy cell. */
const segmentBytes = 1024 * 1024;

/** The last commits that this gateway has seen, in memory: most subscribers that come back were away for a moment only. */
export class ChangeTail {
  readonly #limits: TailLimits;
  readonly #subscription: Subscription;
  readonly #memory = new RecycledMemory(segmentBytes);
  /** A ring would save the moving; a queue that is cut off in large pieces does so seldom enough. */
  #commits: KeptCommit[] = [];
  #first = 0;
  #bytes = 0;
  /** The commit before the first that is kept. */
  #before: LogHead;
  #last: CommitMark;

  constructor(view: ChangingView & { readonly head: LogHead }, limits: TailLimits = defaultTailLimits) {
    this.#limits = limits;
    this.#before = view.head;
    this.#last = { ...view.head, atMs: 0 };
    this.#subscription = view.changes$.subscribe((commit) => this.#take(commit));
  }

  /** The last commit; its time is 0 as long as none has been seen. */
  get last(): CommitMark {
    return this.#last;
  }

  /** The position after which everything is kept. */
  get start(): LogHead {
    return this.#before;
  }

  /**
   * The commits after the position, at most so many, to be looked at in this turn; undefined where it lies too far back, or in
   * another history.
   */
  after(
    { revision, commitId }: LogHead,
    most: number = Number.POSITIVE_INFINITY,
  ): readonly KeptCommit[] | undefined {
    const index = revision - this.#before.revision;
    const kept = this.#commits.length - this.#first;
    if (index < 0 || index > kept) return undefined;
    const known = index === 0 ? this.#before : this.#commits[this.#first + index - 1];
    if (known?.revision !== revision || (commitId !== '' && known.commitId !== commitId)) return undefined;
    const first = this.#first + index;
    return this.#commits.slice(first, first + most);
  }

  close(): void {
    this.#subscription.unsubscribe();
  }

  #take(commit: CommitChanges): void {
    this.#last = markOf(commit);
    if (commit.actor === resyncActor) return this.#startAnew(commit);
    const kept = new KeptCommit(commit, this.#memory);
    this.#commits.push(kept);
    this.#bytes += kept.byteLength;
    while (this.#bytes > this.#limits.bytes || this.#commits.length - this.#first > this.#limits.commits)
      this.#forgetFirst();
    if (this.#first <= this.#commits.length / 2) return;
    this.#commits = this.#commits.slice(this.#first);
    this.#first = 0;
  }

  #forgetFirst(): void {
    const oldest = this.#commits[this.#first];
    if (oldest === undefined) return;
    oldest.forget(this.#memory);
    this.#bytes -= oldest.byteLength;
    this.#before = { revision: oldest.revision, commitId: oldest.commitId };
    this.#first += 1;
  }

  #startAnew({ revision, commitId }: CommitChanges): void {
    for (const commit of this.#commits.slice(this.#first)) commit.forget(this.#memory);
    this.#commits = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#before = { revision, commitId };
  }
}
