import { BerthError } from '@berth/shared/model/errors/errors';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { type CommitRequest, type CommitResult, type Committer, maxWritesPerCommit } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { v7 as uuid } from 'uuid';
import type { RoundPlan } from '../core/plan/round-types.js';
import { commitOf, isEmptyPlan } from '../core/round/commit-plan.js';
import { planRound } from '../core/round/round.js';
import type { Limits } from '../core/task/limits.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { Alarm } from '../primitives/wakeable-timer.js';
import { type Agenda, masterActor } from '../work/pending-work.js';
import type { ReportPump } from '../work/report-reader.js';

/** Rounds are cut smaller where their records are so large that a commit refuses them, down to this many writes. */
const leastWritesPerRound = 8;
const maxReportsPerRound = 1000;
const maxReportShare = 0.5;
/** Of the writes of a round, this part at least is for tasks that wait for a place, where the last round left some waiting. */
const placementShare = 0.9;
/** A replica this far behind the log is in trouble; the term then ends, and another begins from what it has. */
const replicaWaitMs = 10_000;
const commitRetryMs = 200;
/** Between two rounds the master gathers for as long as the last one took, and no longer than this. */
const maxGatherMs = 20;
/** Timers take no longer spans; waking up for nothing this seldom costs nothing. */
const maxIdleMs = 60_000;

export interface TermOptions {
  readonly store: Committer;
  readonly replica: Replica;
  readonly agenda: Agenda;
  readonly reports: ReportPump;
  readonly epoch: number;
  readonly limits: Limits;
  /**
   * Once reports can be read again, agents have this long to tell what happened before deadlines are judged: after an
   * outage of the store, or of all masters, the lack of a report says nothing about a task.
   */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MasterMetrics;
}

type Reports = ReturnType<ReportPump['peek']>;

/** The leadership is another's now: what this one decides is no longer written. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** One term of leadership: rounds of read, decide, commit, for as long as the epoch holds. */
export class Term {
  readonly #options: TermOptions;
  readonly #alarm: Alarm;
  #maxWrites = maxWritesPerCommit;
  /** Of the writes of the next round, what reports may have. */
  #reportShare = maxReportShare;

  constructor(options: TermOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
  }

  /** Says that there may be work. */
  wake(): void {
    this.#alarm.wake();
  }

  /** Runs until the signal aborts. Rejects with FencedError when another master leads. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, agenda } = this.#options;
    while (!signal.aborted) {
      if (this.#hasWork(clock.nowMs())) await this.#roundAndGather(signal);
      else await this.#alarm.sleep(clamp(agenda.nextMs() - clock.nowMs()), signal);
    }
  }

  /**
   * A round costs the store, every gateway and every standby much the same for one change as for a hundred. So while changes come
   * one upon another, as many are waited for as come in the time that a round takes; after a rest the first is taken at once.
   */
  async #roundAndGather(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const beganMs = clock.nowMs();
    const isAllTaken = await this.#round(signal);
    const gatherMs = Math.min(clock.nowMs() - beganMs, maxGatherMs);
    if (isAllTaken && gatherMs > 0) await clock.sleep(gatherMs, signal);
  }

  /** What agents reported while nobody led comes before any judgement. */
  #hasWork(nowMs: number): boolean {
    const { agenda, reports } = this.#options;
    return reports.hasRead && (reports.pending > 0 || agenda.hasWork(nowMs));
  }

  /** False where it left something over for the next. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { agenda, reports, metrics } = this.#options;
    const stopTimer = metrics.rounds.startTimer();
    const taken = reports.peek(Math.min(maxReportsPerRound, Math.floor(this.#maxWrites * this.#reportShare)));
    const plan = this.#plan(taken);
    const isCommitted = await this.#carryOut(plan, taken, signal);
    if (!isCommitted) return false;
    reports.drop(taken.length);
    for (const [jobId, dueMs] of plan.dueMs) agenda.due.set(jobId, dueMs);
    for (const [jobId, dueMs] of plan.placedDueMs) agenda.due.bringForward(jobId, dueMs);
    agenda.touch(plan.leftOver);
    if (plan.queueLeft) agenda.retryQueue();
    agenda.retryQueueAt(plan.queueDueMs);
    metrics.reports.inc(taken.length);
    metrics.placements.inc(plan.placedTaskIds.length);
    metrics.queued.set(agenda.queueLength);
    stopTimer();
    this.#logRound(plan, taken.length);
    const isPressed = plan.hasTasksLeft || plan.queueLeft;
    this.#reportShare = isPressed ? 1 - placementShare : maxReportShare;
    return !isPressed && plan.leftOver.length === 0 && reports.pending < maxReportsPerRound;
  }

  #plan(taken: Reports): RoundPlan {
    const { agenda, replica, limits, clock, metrics } = this.#options;
    const stopTimer = metrics.planning.startTimer();
    const nowMs = clock.nowMs();
    const retireNow = agenda.surplusFinished();
    const plan = planRound({
      cell: replica,
      nowMs,
      limits,
      patienceUntilMs: this.#patienceUntilMs(nowMs, taken.length),
      reports: taken,
      retireNow,
      jobIds: agenda.takeJobs(nowMs),
      queue: agenda.takeQueue(nowMs),
      orphanStopIds: agenda.orphanStops(),
      agents: agenda.ledger,
      maxWrites: this.#maxWrites,
    });
    stopTimer();
    return plan;
  }

  #patienceUntilMs(nowMs: number, taken: number): number {
    const { reports, patienceMs } = this.#options;
    const isAllTaken = reports.pending <= taken;
    return ((isAllTaken ? reports.levelSinceMs(nowMs) : undefined) ?? nowMs) + patienceMs;
  }

  /** Commits the plan and waits for it in the replica; false where it was too large and has to be made smaller. */
  async #carryOut(plan: RoundPlan, taken: Reports, signal: AbortSignal): Promise<boolean> {
    const { replica, limits } = this.#options;
    const ackReportsThrough = taken.at(-1)?.streamId;
    if (isEmptyPlan(plan) && ackReportsThrough === undefined) return true;
    const commit = commitOf(replica, plan, limits);
    try {
      const revision = await this.#commit(
        { ...commit, ...(ackReportsThrough && { ackReportsThrough }) },
        signal,
      );
      await replica.waitFor(revision, replicaWaitMs, signal);
      this.#maxWrites = Math.min(this.#maxWrites * 2, maxWritesPerCommit);
      return true;
    } catch (error) {
      if (!isRefused(error) || this.#maxWrites <= leastWritesPerRound) throw error;
      this.#makeSmaller(plan, error);
      return false;
    }
  }

  /** Gives back to the agenda what the plan took from it, for a round of fewer writes. */
  #makeSmaller(plan: RoundPlan, err: unknown): void {
    const { agenda, log } = this.#options;
    this.#maxWrites = Math.max(leastWritesPerRound, Math.floor(this.#maxWrites / 4));
    agenda.touch(plan.dueMs.keys());
    agenda.touch(plan.leftOver);
    agenda.retryQueue();
    log.warn(
      { err, maxWrites: this.#maxWrites },
      'a commit was refused as too large; deciding on less at once',
    );
  }

  /**
   * Commits, and asks again with the same commit id while the outcome is unknown: deciding anew on a replica that may
   * lack a commit which did happen could place a task twice.
   */
  async #commit(request: Omit<CommitRequest, 'actor'>, signal: AbortSignal): Promise<number> {
    const { store, replica, epoch, clock, log } = this.#options;
    const commitId = uuid();
    const writes = replica.encodeOwn(commitId, request.writes);
    for (;;) {
      try {
        return revisionOf(await store.commit({ ...request, writes, actor: masterActor, epoch, commitId }));
      } catch (error) {
        if (error instanceof FencedError || isRefused(error) || signal.aborted) throw error;
        log.warn({ err: error }, 'a commit was not answered; asking again');
        await clock.sleep(commitRetryMs, signal);
      }
    }
  }

  #logRound(plan: RoundPlan, reports: number): void {
    const { log, replica } = this.#options;
    const sizes = { tasks: plan.tasks.size, jobs: plan.dueMs.size, reports, unplaced: plan.unplaced.length };
    log.debug({ ...sizes, revision: replica.revision }, 'round');
  }
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), maxIdleMs);
}

/** Whether the store will not take the request, however often it is asked. */
function isRefused(error: unknown): boolean {
  return error instanceof BerthError && error.code === 'invalidArgument';
}

function revisionOf(result: CommitResult): number {
  if (result.ok) return result.revision;
  if (result.reason === 'fenced') throw new FencedError(`epoch ${result.epoch} leads now`);
  throw new Error(`the master's commit met an unexpected ${result.reason}`);
}
