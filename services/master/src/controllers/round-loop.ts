import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import { maxWritesPerCommit } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { isRefused, type LeaderCommitter } from '../commit/leader-committer.js';
import type { RoundPlan } from '../core/plan/round-types.js';
import { commitOf, isEmptyPlan } from '../core/round/commit-plan.js';
import { planRound } from '../core/round/round.js';
import type { Limits } from '../core/task/limits.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { WakeableTimer } from '../primitives/wakeable-timer.js';
import type { PendingWork } from '../work/pending-work.js';
import type { ReportReader } from '../work/report-reader.js';
import type { Controller } from './controller.js';

/**
 * Rounds shrink if their records are so large that the store refuses the commit, down to this many writes.
 */
const leastWritesPerRound = 8;
const maxReportsPerRound = 1000;
const maxReportShare = 0.5;
/** If the last round left tasks without a place, at least this part of the writes is for waiting tasks. */
const placementShare = 0.9;
/**
 * Between two rounds the master gathers changes for as long as the last round took, and no longer than this.
 */
const maxGatherMs = 20;
/** Timers take no longer spans; a wake-up without work is this seldom that it costs nothing. */
const maxIdleMs = 60_000;

interface RoundLoopOptions {
  readonly committer: LeaderCommitter;
  readonly replica: Replica;
  readonly work: PendingWork;
  readonly reports: ReportReader;
  readonly limits: Limits;
  /**
   * Once reports can be read again, agents have this long to report before deadlines are judged: after an
   * outage of Redis, or of all masters, the lack of a report says nothing about a task.
   */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MasterMetrics;
}

type Reports = ReturnType<ReportReader['peek']>;

/**
 * Runs rounds: each reads the pending work and the reports, decides, and commits the decision as one plan.
 */
export class RoundLoop implements Controller {
  readonly name = 'rounds';
  readonly #options: RoundLoopOptions;
  readonly #timer: WakeableTimer;
  #maxWrites = maxWritesPerCommit;
  /** The part of the next round's writes that reports may use. */
  #reportShare = maxReportShare;

  constructor(options: RoundLoopOptions) {
    this.#options = options;
    this.#timer = new WakeableTimer(options.clock);
  }

  take(commit: CommitChanges): void {
    this.#options.work.take(commit);
    this.wake();
  }

  wake(): void {
    this.#timer.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, work } = this.#options;
    while (!signal.aborted) {
      if (this.#hasWork(clock.nowMs())) await this.#roundAndGather(signal);
      else await this.#timer.sleep(clamp(work.nextMs() - clock.nowMs()), signal);
    }
  }

  /**
   * Runs a round, then waits for more changes. A round costs the store, every gateway and every standby much
   * the same for one change as for a hundred. So while changes keep coming, the loop gathers them for the
   * time of one round. After a rest the first change is taken at once.
   */
  async #roundAndGather(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const beganMs = clock.nowMs();
    const isAllTaken = await this.#round(signal);
    const gatherMs = Math.min(clock.nowMs() - beganMs, maxGatherMs);
    if (isAllTaken && gatherMs > 0) await clock.sleep(gatherMs, signal);
  }

  /** True if a round has work. The reports from the time without a leader come before any judgement. */
  #hasWork(nowMs: number): boolean {
    const { work, reports } = this.#options;
    return reports.hasRead && (reports.pending > 0 || work.hasWork(nowMs));
  }

  /** Runs a round; returns false if it left work to the next. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { work, reports, metrics } = this.#options;
    const stopTimer = metrics.rounds.startTimer();
    const taken = reports.peek(Math.min(maxReportsPerRound, Math.floor(this.#maxWrites * this.#reportShare)));
    const plan = this.#plan(taken);
    const isCommitted = await this.#carryOut(plan, taken, signal);
    if (!isCommitted) return false;
    reports.drop(taken.length);
    for (const [jobId, dueMs] of plan.dueMs) work.due.set(jobId, dueMs);
    for (const [jobId, dueMs] of plan.placedDueMs) work.due.bringForward(jobId, dueMs);
    work.touch(plan.leftOver);
    if (plan.queueLeft) work.retryQueue();
    work.retryQueueAt(plan.queueDueMs);
    // An agent that fails launches may take a waiting task on trial at once.
    if (plan.unplaced.length > 0 && work.ledger.noteWaiting(true)) work.retryQueue();
    if (work.queueLength === 0) work.ledger.noteWaiting(false);
    metrics.reports.inc(taken.length);
    metrics.placements.inc(plan.placedTaskIds.length);
    metrics.queued.set(work.queueLength);
    stopTimer();
    this.#logRound(plan, taken.length);
    const isPressed = plan.hasTasksLeft || plan.queueLeft;
    this.#reportShare = isPressed ? 1 - placementShare : maxReportShare;
    return !isPressed && plan.leftOver.length === 0 && reports.pending < maxReportsPerRound;
  }

  #plan(taken: Reports): RoundPlan {
    const { work, replica, limits, clock, metrics } = this.#options;
    const stopTimer = metrics.planning.startTimer();
    const nowMs = clock.nowMs();
    const retireNow = work.surplusFinished();
    const plan = planRound({
      cell: replica,
      nowMs,
      limits,
      patienceUntilMs: this.#patienceUntilMs(nowMs, taken.length),
      reports: taken,
      retireNow,
      jobIds: work.takeJobs(nowMs),
      queue: work.takeQueue(nowMs),
      orphanStopIds: work.orphanStops(),
      agents: work.ledger,
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

  /** Commits the plan; returns false if it was too large and a smaller one has to be made. */
  async #carryOut(plan: RoundPlan, taken: Reports, signal: AbortSignal): Promise<boolean> {
    const { committer, replica, limits } = this.#options;
    const ackReportsThrough = taken.at(-1)?.streamId;
    if (isEmptyPlan(plan) && ackReportsThrough === undefined) return true;
    const commit = commitOf(replica, plan, limits);
    try {
      const request = { ...commit, ...(ackReportsThrough && { ackReportsThrough }) };
      const result = await committer.commit(request, { signal });
      if (!result.ok && result.reason !== 'conflict')
        throw new Error(`the master's commit met an unexpected ${result.reason}`);
      // The status of an agent has changed meanwhile.
      if (!result.ok) return this.#putBack(plan);
      this.#maxWrites = Math.min(this.#maxWrites * 2, maxWritesPerCommit);
      return true;
    } catch (error) {
      if (!isRefused(error) || this.#maxWrites <= leastWritesPerRound) throw error;
      this.#makeSmaller(plan, error);
      return false;
    }
  }

  /** Puts the work of the plan back, for the next round. */
  #putBack(plan: RoundPlan): false {
    const { work } = this.#options;
    work.touch(plan.dueMs.keys());
    work.touch(plan.leftOver);
    work.retryQueue();
    return false;
  }

  /** Puts the work of the plan back, for a round of fewer writes. */
  #makeSmaller(plan: RoundPlan, err: unknown): void {
    const { log } = this.#options;
    this.#maxWrites = Math.max(leastWritesPerRound, Math.floor(this.#maxWrites / 4));
    this.#putBack(plan);
    log.warn(
      { err, maxWrites: this.#maxWrites },
      'a commit was refused as too large; deciding on less at once',
    );
  }

  #logRound(plan: RoundPlan, reports: number): void {
    const { log, replica } = this.#options;
    for (const { agentId, launchFailures } of plan.agentStatuses.values()) {
      if (launchFailures === undefined) log.info(`launches work on agent ${agentId} again`);
      else log.warn({ launchFailures }, `agent ${agentId} fails launches and is avoided`);
    }
    const sizes = { tasks: plan.tasks.size, jobs: plan.dueMs.size, reports, unplaced: plan.unplaced.length };
    log.debug({ ...sizes, revision: replica.revision }, 'round');
  }
}

function clamp(ms: number): number {
  return Math.min(Math.max(ms, 0), maxIdleMs);
}
