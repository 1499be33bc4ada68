/*
 * The gateway's door to the cell. A read sees everything that this gateway has committed and whatever revision the caller
 * asks for; a write is answered once it is durable. Both tell the revision that the answer reflects.
 */
import type { Entity } from '@berth/shared/model/entity';
import { BerthError, invalidFields } from '@berth/shared/model/errors';
import { jobIdOfTask } from '@berth/shared/model/job';
import type { Clock } from '@berth/shared/process/clock';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Replica } from '@berth/shared/store/replica';
import type { Archive, CommitRequest, CommitResult, Committer } from '@berth/shared/store/store';
import { archivedJob, archivedTask } from './archived-job.js';
import { type JobView, jobViewOf } from './core/observe.js';
import type { GatewayMetrics } from './metrics.js';

/** A read that its revision has not reached by then fails: the caller learns more by asking again. */
export const readWaitMs = 5_000;

/** An update that loses this many times in a row gives up with ABORTED. */
export const maxUpdateAttempts = 8;

/** How long an update waits before it looks again at an entity that is gone from the store but not yet from here. */
const settleMs = 10;

export const minRevisionKey = 'berth-min-revision';
export const revisionKey = 'berth-revision';

type Part = Omit<CommitRequest, 'actor'>;

export interface CellOptions {
  readonly replica: Replica;
  readonly store: Committer & Archive;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
}

export class Cell {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly #store: Committer & Archive;
  readonly #metrics: GatewayMetrics;
  #lastCommit = 0;

  constructor({ replica, store, clock, metrics }: CellOptions) {
    this.replica = replica;
    this.clock = clock;
    this.#store = store;
    this.#metrics = metrics;
  }

  /**
   * Resolves with a view that holds this gateway's own commits and the revision that the caller asks for. The view
   * is live: what belongs together must be read before anything is awaited.
   */
  async read(call: CallContext): Promise<Replica> {
    const revision = Math.max(this.#lastCommit, minRevision(call));
    if (revision > this.replica.revision) await this.replica.waitFor(revision, readWaitMs, call.signal);
    call.setTrailer(revisionKey, String(this.replica.revision));
    return this.replica;
  }

  /** The job, live or finished, from memory or the archive; undefined where there is none of that id. */
  async findJob(call: CallContext, jobId: string): Promise<JobView | undefined> {
    const view = await this.read(call);
    return jobViewOf(view, jobId) ?? (await this.findArchivedJob(jobId));
  }

  /** The job from the archive, whatever memory holds. */
  async findArchivedJob(jobId: string): Promise<JobView | undefined> {
    return archivedJob(jobId, await this.#store.findArchived(jobId));
  }

  /** The task, from memory or from its job's part of the archive. */
  async findTask(call: CallContext, taskId: string): Promise<Entity<'task'> | undefined> {
    const view = await this.read(call);
    return (
      view.find('task', taskId) ?? archivedTask(taskId, await this.#store.findArchived(jobIdOfTask(taskId)))
    );
  }

  /** Commits in the caller's name. Resolves once the outcome is durable; a conflict is an outcome, not an error. */
  async commit(call: CallContext, part: Part): Promise<CommitResult> {
    const result = await this.#measure(() => this.#store.commit({ ...part, actor: call.caller.id }));
    if (!result.ok) return result;
    this.#lastCommit = Math.max(this.#lastCommit, result.revision);
    call.setTrailer(revisionKey, String(result.revision));
    return result;
  }

  /**
   * Decides on the newest view and commits what was decided, again and again while others are faster. `decide` returns
   * the writes, or undefined where there is nothing to do. Fails with BerthError `conflict` when it keeps losing.
   */
  async update(call: CallContext, decide: (view: Replica) => Part | undefined): Promise<void> {
    for (let attempt = 0; attempt < maxUpdateAttempts; attempt += 1) {
      const part = decide(await this.read(call));
      if (part === undefined) return;
      const result = await this.commit(call, part);
      if (result.ok) return;
      await this.#catchUp(call, result);
    }
    throw new BerthError('conflict', 'Others keep changing the same thing; try again.');
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
  async #catchUp(call: CallContext, lost: CommitResult & { readonly ok: false }): Promise<void> {
    if (lost.reason !== 'conflict')
      throw new BerthError('internal', `An update was refused: ${lost.reason}.`);
    if (lost.actualRevision > 0) await this.replica.waitFor(lost.actualRevision, readWaitMs, call.signal);
    // A removed entity has no revision to wait for.
    else await this.clock.sleep(settleMs, call.signal);
  }
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
