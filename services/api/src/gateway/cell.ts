/*
 * The gateway's door to the cell. A read sees everything that this gateway has committed and whatever revision the caller
 * asks for; a write is answered once it is durable. Both tell the revision that the answer reflects.
 */

import type { Entity } from '@berth/shared/model/cell/entity';
import { BerthError, invalidFields } from '@berth/shared/model/errors/errors';
import { type KnownAttributes, knownAttributes } from '@berth/shared/model/expression/vocabulary';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import type { Clock } from '@berth/shared/process/clock';
import type { Random } from '@berth/shared/process/random';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Archive, Claims, CommitRequest, CommitResult, Committer } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import type { ImageResolver } from '../images/image-resolver.js';
import { archivedJob, archivedTask } from './archived-job.js';
import { findJobWithTasks, type JobWithTasks } from './core/job-with-tasks.js';
import { JobIndex } from './job-index.js';
import type { GatewayMetrics } from './metrics.js';
import type { PointInTimeViews } from './views/point-in-time-view.js';

/** A read that its revision has not reached by then fails: the caller learns more by asking again. */
export const readWaitMs = 5_000;

/** An update that loses this many times in a row gives up with ABORTED. */
export const maxUpdateAttempts = 8;

/** How long an update waits before it looks again at an entity that is gone from the store but not yet from here. */
const settleMs = 10;

export const minRevisionKey = 'berth-min-revision';
export const revisionKey = 'berth-revision';

/** A commit in the caller's name. */
export type CallerCommit = Omit<CommitRequest, 'actor'>;

/** Decides on a view what to commit; undefined where there is nothing to do. */
export type Decide = (view: Replica) => CallerCommit | undefined | Promise<CallerCommit | undefined>;

type Conflict = Extract<CommitResult, { readonly reason: 'conflict' }>;
type Settled = Exclude<CommitResult, Conflict>;

export interface CellOptions {
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
  readonly #told = new WeakMap<CallContext, number>();
  #lastCommit = 0;
  /** The last of this gateway's commits that changed a cluster. */
  #lastClusterCommit = 0;
  /** Of all agents, until one of them changes. */
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

  /** The attributes that constraints may name: those of the agents that are registered. */
  knownAttributes(): KnownAttributes {
    this.#attributes ??= knownAttributes(
      [...this.replica.all('agent')].map(({ record }) => record.attributes),
    );
    return this.#attributes;
  }

  /**
   * Resolves with a view that holds this gateway's own commits and the revision that the caller asks for. The view
   * is live: what belongs together must be read before anything is awaited.
   */
  async read(call: CallContext): Promise<Replica> {
    return this.#readAt(call, this.#lastCommit);
  }

  /**
   * The same for who looks at nothing but clusters: of this gateway's own commits only those of clusters have to show. A
   * caller that submits one job after another would otherwise wait each time for the log to bring the last one back.
   */
  async readClusters(call: CallContext): Promise<Replica> {
    return this.#readAt(call, this.#lastClusterCommit);
  }

  async #readAt(call: CallContext, ownRevision: number): Promise<Replica> {
    const revision = Math.max(ownRevision, minRevision(call));
    if (revision > this.replica.revision) await this.replica.waitFor(revision, readWaitMs, call.signal);
    this.#tell(call, this.replica.revision);
    return this.replica;
  }

  /** The job, live or finished, from memory or the archive; undefined where there is none of that id. */
  async findJob(call: CallContext, jobId: string): Promise<JobWithTasks | undefined> {
    const view = await this.read(call);
    return findJobWithTasks(view, jobId) ?? (await this.findArchivedJob(jobId));
  }

  /** The job from the archive, whatever memory holds. */
  async findArchivedJob(jobId: string): Promise<JobWithTasks | undefined> {
    return archivedJob(jobId, await this.#store.findArchived(jobId));
  }

  /** Who holds the claim: what was made by the first request that took it; undefined where nobody does. */
  findFirst(claim: string): Promise<string | undefined> {
    return this.#store.findClaim(claim);
  }

  /** The task, from memory or from its job's part of the archive. */
  async findTask(call: CallContext, taskId: string): Promise<Entity<'task'> | undefined> {
    const view = await this.read(call);
    return (
      view.find('task', taskId) ?? archivedTask(taskId, await this.#store.findArchived(jobIdOfTask(taskId)))
    );
  }

  /**
   * Commits in the caller's name, unless the caller has gone or its deadline is over. Resolves once the outcome is durable;
   * a conflict is an outcome, not an error.
   */
  async commit(call: CallContext, commit: CallerCommit): Promise<CommitResult> {
    call.signal.throwIfAborted();
    const result = await this.#measure(() => this.#store.commit({ ...commit, actor: call.caller.id }));
    if (!result.ok) return result;
    this.#lastCommit = Math.max(this.#lastCommit, result.revision);
    if (commit.writes.some(({ kind }) => kind === 'cluster')) {
      this.#lastClusterCommit = Math.max(this.#lastClusterCommit, result.revision);
    }
    this.#tell(call, result.revision);
    return result;
  }

  /** A call may commit many times, and look in between: its answer reflects the last of it all. */
  #tell(call: CallContext, revision: number): void {
    const told = Math.max(this.#told.get(call) ?? 0, revision);
    this.#told.set(call, told);
    call.setTrailer(revisionKey, String(told));
  }

  /** {@link settle} for commits that nothing but a conflict can refuse. */
  async update(call: CallContext, decide: Decide): Promise<void> {
    const result = await this.settle(call, decide);
    if (result?.ok === false) throw new BerthError('internal', `An update was refused: ${result.reason}.`);
  }

  /**
   * Decides on the newest view and commits what was decided, again and again while others are faster. Resolves with the
   * outcome, undefined where there was nothing to do. Fails with BerthError `conflict` when it keeps losing.
   */
  async settle(
    call: CallContext,
    decide: Decide,
    read: (call: CallContext) => Promise<Replica> = (one) => this.read(one),
  ): Promise<Settled | undefined> {
    for (let attempt = 0; attempt < maxUpdateAttempts; attempt += 1) {
      const commit = await decide(await read(call));
      if (commit === undefined) return undefined;
      const result = await this.commit(call, commit);
      if (!isConflict(result)) return result;
      await this.#catchUp(call, result);
    }
    throw new BerthError('conflict', 'Others keep changing the same thing; try again.');
  }

  /** Where the store is set back, what was committed since then is lost: no read may wait for it. */
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

  /** Waits until the view shows what the commit has lost against. */
  async #catchUp(call: CallContext, lost: Conflict): Promise<void> {
    if (lost.actualRevision > 0) await this.replica.waitFor(lost.actualRevision, readWaitMs, call.signal);
    // A removed entity has no revision to wait for.
    else await this.clock.sleep(settleMs, call.signal);
  }
}

function isConflict(result: CommitResult): result is Conflict {
  return !result.ok && result.reason === 'conflict';
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
