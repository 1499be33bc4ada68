import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Random } from '@berth/shared/process/random';
import type { CommitRequest, CommitResult, Committer, LogHead } from '@berth/store';
import type { Replica } from '@berth/store/replica';

/** The actor in all commits of a master. */
export const masterActor = 'master';

/**
 * A replica that is this far behind the log is in trouble: the leadership ends, and the next begins from its
 * state.
 */
const replicaWaitMs = 10_000;
const askAgainMs = 200;
/** A removed entity has no revision to wait for. The replica learns of a removal within this time. */
const removalWaitMs = 20;

/** The store takes no more commits of this leadership. */
export class LeadershipOverError extends Error {
  override readonly name: string = 'LeadershipOverError';
}

/** Another master leads: the store takes no more commits of this epoch. */
export class FencedError extends LeadershipOverError {
  override readonly name = 'FencedError';
}

/**
 * The store has lost the history that the decision was made on. The next leadership begins from what it
 * has.
 */
export class HistoryLostError extends LeadershipOverError {
  override readonly name = 'HistoryLostError';

  constructor(basis: LogHead, head: LogHead) {
    super(
      `the store was set back: a decision on revision ${basis.revision} is dropped, since the log no longer leads on from it; it ends at revision ${head.revision}`,
    );
  }
}

/** A commit of a leader; the committer adds the rest. */
type LeaderRequest = Omit<CommitRequest, 'actor' | 'epoch' | 'commitId' | 'basis'>;

/**
 * The answer to a leader's commit. A fenced commit is a {@link FencedError}, one of a lost history a
 * {@link HistoryLostError}.
 */
export type LeaderResult = Exclude<CommitResult, { readonly reason: 'fenced' | 'diverged' }>;

interface LeaderCommitterOptions {
  readonly store: Committer;
  readonly replica: Pick<Replica, 'encodeOwn' | 'head' | 'waitFor' | 'waitForHead'>;
  readonly epoch: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface LeaderCommitOptions {
  readonly signal: AbortSignal;
  /** The replica's head at the decision. Absent: the decision was made in the turn of the call. */
  readonly decidedOn?: LogHead;
  /**
   * The decision is out of date after this time. The committer then fails instead of asking again, and the
   * caller decides anew. Absent: it asks until the signal aborts.
   */
  readonly validMs?: number;
}

/**
 * Commits in the name of the leader of one epoch. All loops of the leader use it, so that all are fenced
 * alike.
 */
export class LeaderCommitter {
  readonly #options: LeaderCommitterOptions;

  constructor(options: LeaderCommitterOptions) {
    this.#options = options;
  }

  /** The head of the replica, for decisions that are committed in a later turn. */
  get head(): LogHead {
    return this.#options.replica.head;
  }

  /**
   * Commits the request. On return the replica holds the commit, or the change that it conflicts with: so the
   * next decision differs. Rejects with {@link FencedError} if another master leads, with
   * {@link HistoryLostError} if the store was set back, and with the store's error if the store refuses the
   * request or does not answer in time.
   */
  async commit(request: LeaderRequest, options: LeaderCommitOptions): Promise<LeaderResult> {
    const { random, replica } = this.#options;
    const commitId = random.orderedUuid();
    const { decidedOn: basis = replica.head, signal } = options;
    const result = await this.#ask({ ...request, commitId, basis }, options);
    // A commit without writes has no entry in the log.
    if (result.ok && request.writes.length > 0) {
      await replica.waitForHead({ revision: result.revision, commitId }, replicaWaitMs, signal);
    } else if (result.ok) return result;
    else if (result.reason === 'fenced') throw new FencedError(`epoch ${result.epoch} leads now`);
    else if (result.reason === 'diverged') throw new HistoryLostError(basis, result.head);
    else if (result.reason === 'conflict') await this.#waitFor(result.actualRevision, signal);
    return result as LeaderResult;
  }

  /**
   * Asks again with the same commit id while the outcome is unknown. A new decision on a replica that lacks
   * an applied commit could place a task twice.
   */
  async #ask(
    request: LeaderRequest & { readonly commitId: string; readonly basis: LogHead },
    { signal, validMs = Number.POSITIVE_INFINITY }: LeaderCommitOptions,
  ): Promise<CommitResult> {
    const { store, replica, epoch, clock, log } = this.#options;
    const writes = replica.encodeOwn(request.commitId, request.writes);
    const untilMs = clock.nowMs() + validMs;
    for (;;) {
      try {
        return await store.commit({ ...request, writes, actor: masterActor, epoch });
      } catch (error) {
        const isLate = clock.nowMs() + askAgainMs > untilMs;
        if (isRefused(error) || isLate || signal.aborted) throw error;
        log.warn({ err: error }, 'a commit was not answered; asking again');
        await clock.sleep(askAgainMs, signal);
      }
    }
  }

  async #waitFor(revision: number, signal: AbortSignal): Promise<void> {
    const { replica, clock } = this.#options;
    if (revision > 0) await replica.waitFor(revision, replicaWaitMs, signal);
    else await clock.sleep(removalWaitMs, signal);
  }
}

/** True if the store refuses the request itself, for example as too large: asking again does not help. */
export function isRefused(error: unknown): boolean {
  return error instanceof BerthError && error.code === 'invalidArgument';
}
