import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { taskState } from '@berth/shared/model/task-state';
import type { Replica } from '@berth/shared/store/replica';
import { maxWritesPerCommit, type CommitRequest, type CommitResult, type Committer } from '@berth/shared/store/store';
import { v7 as uuid } from 'uuid';
import type { Agenda } from './agenda.js';
import { commitOf, isEmptyPlan } from './core/commit-plan.js';
import type { Limits } from './core/limits.js';
import { planRound } from './core/round.js';
import type { RoundPlan } from './core/round-types.js';
import type { MasterMetrics } from './metrics.js';
import type { ReportPump } from './report-pump.js';

/** Tasks a round may write; the commit also removes entities, so this stays below the commit's own bound. */
const maxWritesPerRound = Math.floor(maxWritesPerCommit * 0.6);
const maxReportsPerRound = 300;
/** A replica this far behind the log is in trouble; the round then starts over from what it has. */
const replicaWaitMs = 10_000;
const commitRetryMs = 200;

export interface TermOptions {
  readonly store: Committer;
  readonly replica: Replica;
  readonly agenda: Agenda;
  readonly reports: ReportPump;
  readonly epoch: number;
  readonly limits: Limits;
  readonly maxFinishedJobs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MasterMetrics;
}

/** The leadership is another's now: what this one decides is no longer written. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** One term of leadership: rounds of read, decide, commit, for as long as the epoch holds. */
export class Term {
  readonly #options: TermOptions;
  #wake: (() => void) | undefined;

  constructor(options: TermOptions) {
    this.#options = options;
  }

  /** Says that there may be work. */
  wake(): void {
    this.#wake?.();
  }

  /** Runs until the signal aborts. Rejects with FencedError when another master leads. */
  async run(signal: AbortSignal): Promise<void> {
    const { agenda, reports, clock } = this.#options;
    while (!signal.aborted) {
      if (reports.pending > 0 || agenda.hasWork(clock.nowMs())) await this.#round(signal);
      else await this.#idle(signal);
    }
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { agenda, reports, clock, metrics, limits, replica } = this.#options;
    const stopTimer = metrics.rounds.startTimer();
    const taken = reports.peek(maxReportsPerRound);
    const plan = this.#plan(taken);
    const ackReportsThrough = taken.at(-1)?.streamId;
    if (!isEmptyPlan(plan) || ackReportsThrough !== undefined) {
      const commit = commitOf(replica, plan, limits);
      const revision = await this.#commit({ ...commit, ...(ackReportsThrough && { ackReportsThrough }) }, signal);
      await replica.waitFor(revision, replicaWaitMs, signal);
    }
    reports.drop(taken.length);
    for (const [jobId, dueMs] of plan.dueMs) agenda.due.set(jobId, dueMs);
    agenda.touch(plan.leftOver);
    if (plan.queueLeft) agenda.retryQueue();
    metrics.reports.inc(taken.length);
    metrics.placements.inc(countPlaced(plan));
    metrics.queued.set(agenda.queueLength);
    stopTimer();
    this.#logRound(plan, taken.length, clock.nowMs());
  }

  #plan(reports: ReturnType<ReportPump['peek']>): RoundPlan {
    const { agenda, replica, limits, clock, metrics, maxFinishedJobs } = this.#options;
    const stopTimer = metrics.planning.startTimer();
    const nowMs = clock.nowMs();
    const retireNow = agenda.surplusFinished(maxFinishedJobs);
    const plan = planRound({
      cell: replica,
      nowMs,
      limits,
      reports,
      retireNow,
      jobIds: agenda.takeJobs(nowMs),
      queuedTaskIds: agenda.takeQueue(),
      agents: agenda.ledger,
      maxWrites: maxWritesPerRound,
    });
    stopTimer();
    return plan;
  }

  /**
   * Commits, and asks again with the same commit id while the outcome is unknown: deciding anew on a replica that may
   * lack a commit which did happen could place a task twice.
   */
  async #commit(request: Omit<CommitRequest, 'actor'>, signal: AbortSignal): Promise<number> {
    const { store, epoch, clock, log } = this.#options;
    const commitId = uuid();
    for (;;) {
      try {
        return revisionOf(await store.commit({ ...request, actor: 'master', epoch, commitId }));
      } catch (error) {
        if (error instanceof FencedError || signal.aborted) throw error;
        log.warn({ err: error }, 'a commit was not answered; asking again');
        await clock.sleep(commitRetryMs, signal);
      }
    }
  }

  async #idle(signal: AbortSignal): Promise<void> {
    const { agenda, clock } = this.#options;
    const idle = new AbortController();
    const stop = () => idle.abort();
    this.#wake = stop;
    signal.addEventListener('abort', stop, { once: true });
    const untilDueMs = agenda.due.nextMs() - clock.nowMs();
    await clock.sleep(Math.min(Math.max(untilDueMs, 0), maxIdleMs), idle.signal);
    signal.removeEventListener('abort', stop);
    this.#wake = undefined;
  }

  #logRound(plan: RoundPlan, reports: number, nowMs: number): void {
    const { log, replica } = this.#options;
    const sizes = { tasks: plan.tasks.size, jobs: plan.dueMs.size, reports, unplaced: plan.unplaced.length };
    log.debug({ ...sizes, revision: replica.revision, nowMs }, 'round');
  }
}

/** Timers take no longer spans; waking up for nothing this seldom costs nothing. */
const maxIdleMs = 60_000;

function revisionOf(result: CommitResult): number {
  if (result.ok) return result.revision;
  if (result.reason === 'fenced') throw new FencedError(`epoch ${result.epoch} leads now`);
  throw new Error(`the master's commit met an unexpected ${result.reason}`);
}

function countPlaced(plan: RoundPlan): number {
  let placed = 0;
  for (const task of plan.tasks.values()) if (taskState(task) === State.DISPATCHED) placed += 1;
  return placed;
}
