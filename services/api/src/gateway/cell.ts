/*
 * The gateway's door to the cell. A read sees all commits of this gateway and the revision that the caller
 * asks for. A write is answered once it is durable. Both answer with the revision that they reflect.
 */

import type { ImageResolver } from '@berth/registry';
import type { Entity } from '@berth/shared/model/cell/entity';
import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';
import { type KnownAttributes, knownAttributes } from '@berth/shared/model/expression/vocabulary';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import type { Clock } from '@berth/shared/process/clock';
import type { Random } from '@berth/shared/process/random';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import {
  type Archive,
  archivedTask,
  archivedTaskField,
  type Claims,
  type CommitRequest,
  type CommitResult,
  type Committer,
} from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { archivedJob } from './archived-job.js';
import { findJobWithTasks, type JobWithTasks } from './core/job-with-tasks.js';
import { JobIndex } from './job-index.js';
import type { GatewayMetrics } from './metrics.js';
import type { PointInTimeViews } from './views/point-in-time-view.js';

/** A read fails if its revision takes longer than this. Another attempt tells the caller more. */
export const readWaitMs = 5_000;

/** An update fails with ABORTED after this many losses in a row. */
export const maxUpdateAttempts = 8;

/**
 * The pause of an update after a conflict over an entity that the store has removed but this view still
 * shows.
 */
const settleMs = 10;

export const minRevisionKey = 'berth-min-revision';
export const revisionKey = 'berth-revision';

/** A commit in the caller's name. The cell adds the caller. */
export type CallerCommit = Omit<CommitRequest, 'actor'>;

/** Decides on a view which commit to make; undefined for none. */
type Decide = (view: Replica) => CallerCommit | undefined | Promise<CallerCommit | undefined>;

type Conflict = Extract<CommitResult, { readonly reason: 'conflict' }>;
type Diverged = Extract<CommitResult, { readonly reason: 'diverged' }>;
type Settled = Exclude<CommitResult, Conflict | Diverged>;

interface CellOptions {
  readonly replica: Replica;
  readonly store: Committer & Archive & Claims;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: GatewayMetrics;
  readonly images: ImageResolver;
  readonly pointInTimeViews: PointInTimeViews;
}

export class Cell {
  readonly replica: Replica;
  readonly index: JobIndex;
  readonly clock: Clock;
  /** The source of the ids of jobs and clusters. */
  readonly random: Random;
  readonly images: ImageResolver;
  readonly pointInTimeViews: PointInTimeViews;
  readonly #store: Committer & Archive & Claims;
  readonly #metrics: GatewayMetrics;
  readonly #reported = new WeakMap<CallContext, number>();
  #lastCommit = 0;
  /** The last of this gateway's commits that changed a cluster. */
  #lastClusterCommit = 0;
  /** The attributes of all agents. The change of an agent resets it. */
  #attributes: KnownAttributes | undefined;

  constructor({ replica, store, clock, random, metrics, images, pointInTimeViews }: CellOptions) {
    this.replica = replica;
    this.index = new JobIndex(replica);
    this.clock = clock;
    this.random = random;
    this.images = images;
    this.pointInTimeViews = pointInTimeViews;
    this.#store = store;
    this.#metrics = metrics;
    this.#followSetBacks();
    replica.changes$.subscribe(({ changes }) => {
      if (changes.some(({ kind }) => kind === 'agent')) this.#attributes = undefined;
    });
  }

  /** Returns the attributes that constraints may name: those of registered agents. */
  knownAttributes(): KnownAttributes {
    this.#attributes ??= knownAttributes(
      [...this.replica.all('agent')].map(({ record }) => record.attributes),
    );
    return this.#attributes;
  }

  /**
   * Resolves with a view that has this gateway's own commits and the revision that the caller asks for. The
   * view is live: values that belong together must be read without an await in between.
   */
  async read(call: CallContext): Promise<Replica> {
    return this.#readAt(call, this.#lastCommit);
  }

  /**
   * Like {@link read}, for readers of clusters only: of this gateway's commits, the view needs those of
   * clusters. Otherwise a caller that submits job after job would wait each time until the log returns the
   * last one.
   */
  async readClusters(call: CallContext): Promise<Replica> {
    return this.#readAt(call, this.#lastClusterCommit);
  }

  async #readAt(call: CallContext, ownRevision: number): Promise<Replica> {
    const revision = Math.max(ownRevision, minRevision(call));
    if (revision > this.replica.revision) await this.replica.waitFor(revision, readWaitMs, call.signal);
    this.#reportRevision(call, this.replica.revision);
    return this.replica;
  }

  /** Returns the live or finished job from memory or the archive; undefined if no job has that id. */
  async findJob(call: CallContext, jobId: string): Promise<JobWithTasks | undefined> {
    const view = await this.read(call);
    return findJobWithTasks(view, jobId) ?? (await this.findArchivedJob(jobId));
  }

  /** Returns the job from the archive, even if memory has it, too. */
  async findArchivedJob(jobId: string): Promise<JobWithTasks | undefined> {
    return archivedJob(jobId, await this.#store.findArchived(jobId), this.replica.tuning);
  }

  /** Returns the id that the first request with this claim created; undefined if nothing holds the claim. */
  findFirst(claim: string): Promise<string | undefined> {
    return this.#store.findClaim(claim);
  }

  /** Returns the task from memory or from the archive. */
  async findTask(call: CallContext, taskId: string): Promise<Entity<'task'> | undefined> {
    const view = await this.read(call);
    const known = view.find('task', taskId);
    if (known !== undefined) return known;
    const bytes = await this.#store.findArchivedField(jobIdOfTask(taskId), archivedTaskField(taskId));
    return archivedTask(taskId, bytes, this.replica.tuning);
  }

  /**
   * Commits in the caller's name unless the caller has gone or its deadline is over. Resolves once the
   * outcome is durable. A conflict is an outcome, not an error.
   */
  async commit(call: CallContext, commit: CallerCommit): Promise<CommitResult> {
    call.signal.throwIfAborted();
    const result = await this.#measure(() => this.#store.commit({ ...commit, actor: call.caller.id }));
    if (!result.ok) return result;
    this.#lastCommit = Math.max(this.#lastCommit, result.revision);
    if (commit.writes.some(({ kind }) => kind === 'cluster')) {
      this.#lastClusterCommit = Math.max(this.#lastClusterCommit, result.revision);
    }
    this.#reportRevision(call, result.revision);
    return result;
  }

  /** A call may commit many times and read in between. Its answer reflects the last of these revisions. */
  #reportRevision(call: CallContext, revision: number): void {
    const reported = Math.max(this.#reported.get(call) ?? 0, revision);
    this.#reported.set(call, reported);
    call.setTrailer(revisionKey, String(reported));
  }

  /** Like {@link settle}, for commits that only a conflict can refuse. */
  async update(call: CallContext, decide: Decide): Promise<void> {
    const result = await this.settle(call, decide);
    if (result?.ok === false) throw new BerthError('internal', `An update was refused: ${result.reason}.`);
  }

  /**
   * Decides on the newest view and commits, again after each conflict, and after a set-back of the store.
   * Resolves with the outcome; undefined if there was nothing to commit. Fails with BerthError `conflict`
   * after too many conflicts.
   */
  async settle(
    call: CallContext,
    decide: Decide,
    read: (call: CallContext) => Promise<Replica> = (one) => this.read(one),
  ): Promise<Settled | undefined> {
    for (let attempt = 0; attempt < maxUpdateAttempts; attempt += 1) {
      const view = await read(call);
      const basis = view.head;
      const commit = await decide(view);
      if (commit === undefined) return undefined;
      const result = await this.commit(call, { ...commit, basis });
      if (isSettled(result)) return result;
      await this.#catchUp(call, result);
    }
    throw new BerthError('conflict', 'Others keep changing the same thing; try again.');
  }

  /** A store that was set back has lost the commits since then. No read may wait for them. */
  #followSetBacks(): void {
    let seen = this.replica.revision;
    this.replica.changes$.subscribe(({ revision }) => {
      if (revision < seen) {
        this.#lastCommit = Math.min(this.#lastCommit, revision);
        this.#lastClusterCommit = Math.min(this.#lastClusterCommit, revision);
      }
      seen = revision;
    });
  }

  async #measure(commit: () => Promise<CommitResult>): Promise<CommitResult> {
    const { commits, commitSeconds } = this.#metrics;
    const timed = commitSeconds.startTimer();
    try {
      const result = await commit();
      commits.inc({ outcome: result.ok ? 'ok' : result.reason });
      return result;
    } catch (error) {
      commits.inc({ outcome: 'error' });
      throw error;
    } finally {
      timed();
    }
  }

  /** Waits until the view shows the change that caused the conflict, or the history that the store has. */
  async #catchUp(call: CallContext, lost: Conflict | Diverged): Promise<void> {
    if (lost.reason === 'diverged') await this.replica.waitForHead(lost.head, readWaitMs, call.signal);
    else if (lost.actualRevision > 0)
      await this.replica.waitFor(lost.actualRevision, readWaitMs, call.signal);
    // A removed entity has no revision to wait for.
    else await this.clock.sleep(settleMs, call.signal);
  }
}

function isSettled(result: CommitResult): result is Settled {
  return result.ok || !['conflict', 'diverged'].includes(result.reason);
}

function minRevision({ metadata }: CallContext): number {
  const text = metadata.get(minRevisionKey)[0]?.toString();
  if (text === undefined) return 0;
  const revision = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(revision)) return revision;
  throw invalidFields([
    {
      field: `metadata ${minRevisionKey}`,
      description: `is ${JSON.stringify(text)}, but must be a revision`,
    },
  ]);
}
