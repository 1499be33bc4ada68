import { FireOutcome, fireOutcomeToJSON } from '@berth/shared/gen/berth/v1/store';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Replica } from '@berth/store/replica';
import { isRefused, type LeaderCommitter, type LeaderResult } from '../commit/leader-committer.js';
import { type ClusterDecision, decideCluster } from '../core/schedule/schedule.js';
import { commitOfDecision, isEmptyDecision } from '../core/schedule/schedule-commit.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { allSettled } from '../primitives/all-settled.js';
import { WakeableTimer } from '../primitives/wakeable-timer.js';
import { ScheduledClusters } from '../work/scheduled-clusters.js';
import { type Controller, endsLoop } from './controller.js';

/** Clusters that are decided on at the same time. */
const maxAtOnce = 16;
/** Jobs that one commit starts; fewer if the store refuses it as too large. */
const maxStarts = 25;
/** A decision that conflicts this many times in a row is left to the next check. */
const maxAttempts = 10;
const retryMs = 500;
const refusedRetryMs = 60_000;
/** Timers take no longer spans. */
const maxIdleMs = 3_600_000;
/** A new leader takes in the waiting reports before its first decision, for this long at most. */
const patienceMs = 5_000;
const patienceStepMs = 50;

export interface ScheduleOptions {
  readonly committer: LeaderCommitter;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<MasterMetrics, 'fires'>;
  /** The longest wait for the resolution of a job's images. Absent: they are not resolved. */
  readonly imageWaitMs?: number;
  /** Returns true once the reports are taken in that waited when the leadership began. */
  readonly hasCaughtUp: () => boolean;
}

/**
 * Carries out the actions of job clusters: it starts a job at each run of a schedule, keeps the minimum of
 * jobs, and ends the jobs that a newer one replaces. It sleeps until the next run is due.
 */
export class ScheduleController implements Controller {
  readonly name = 'schedules';
  readonly #options: ScheduleOptions;
  readonly #clusters: ScheduledClusters;
  readonly #timer: WakeableTimer;

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#clusters = new ScheduledClusters(options.replica);
    this.#timer = new WakeableTimer(options.clock);
  }

  take({ changes }: CommitChanges): void {
    let isRelevant = false;
    for (const change of changes) isRelevant = this.#clusters.take(change) || isRelevant;
    if (isRelevant) this.wake();
  }

  wake(): void {
    this.#timer.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let isPatient = true;
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      if (!this.#clusters.hasWork(nowMs)) {
        const idleMs = Math.min(this.#clusters.due.nextMs() - nowMs, maxIdleMs);
        await this.#timer.sleep(idleMs, signal);
        continue;
      }
      if (isPatient) await this.#waitForReports(signal);
      isPatient = false;
      const ids = this.#clusters.takeDue(clock.nowMs());
      try {
        for (let from = 0; from < ids.length && !signal.aborted; from += maxAtOnce)
          await allSettled(ids.slice(from, from + maxAtOnce).map((id) => this.#carryOut(id, signal)));
      } catch (error) {
        if (endsLoop(error, signal)) return;
        log.warn({ err: error }, 'cannot carry schedules out; trying again');
        for (const id of ids) this.#clusters.touch(id);
        await clock.sleep(retryMs, signal);
      }
    }
  }

  async #waitForReports(signal: AbortSignal): Promise<void> {
    const { clock, hasCaughtUp } = this.#options;
    for (let waitedMs = 0; waitedMs < patienceMs && !hasCaughtUp() && !signal.aborted; ) {
      await clock.sleep(patienceStepMs, signal);
      waitedMs += patienceStepMs;
    }
  }

  /** Decides on one cluster and commits the decision; decides again after a conflict. */
  async #carryOut(id: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const taken = new Map<string, string>();
    let starts = maxStarts;
    for (let attempt = 0; attempt < maxAttempts && !signal.aborted; attempt += 1) {
      const decision = this.#decide(id, taken, starts);
      if (decision === undefined) return this.#forget(id, signal);
      if (isEmptyDecision(decision)) return this.#clusters.due.set(id, decision.nextDueMs);
      const result = await this.#commit(id, decision, signal);
      if (result === 'tooLarge') {
        if (starts === 1) return this.#clusters.due.set(id, clock.nowMs() + refusedRetryMs);
        starts = Math.max(1, Math.floor(starts / 4));
      } else if (result.ok) {
        this.#announce(id, decision);
        return this.#clusters.due.set(id, decision.nextDueMs);
      } else if (result.reason === 'claimed') taken.set(result.name, result.owner);
    }
    this.#clusters.due.set(id, clock.nowMs() + retryMs);
  }

  #decide(id: string, taken: ReadonlyMap<string, string>, starts: number): ClusterDecision | undefined {
    const { replica, clock, imageWaitMs } = this.#options;
    const cluster = replica.find('cluster', id);
    if (cluster === undefined || !this.#clusters.isFollowed(id)) return undefined;
    return decideCluster({
      cluster,
      schedule: this.#clusters.scheduleOf(id),
      status: replica.find('clusterStatus', id)?.record,
      jobs: this.#clusters.jobsOf(id),
      nowMs: clock.nowMs(),
      attributes: () => this.#clusters.attributes(),
      taken,
      ...(imageWaitMs === undefined ? {} : { imageWaitMs }),
      maxStarts: starts,
    });
  }

  async #commit(
    id: string,
    decision: ClusterDecision,
    signal: AbortSignal,
  ): Promise<LeaderResult | 'tooLarge'> {
    const { committer, replica, log } = this.#options;
    const cluster = replica.find('cluster', id);
    if (cluster === undefined) throw new Error(`job cluster ${id} is gone within one turn`);
    const commit = commitOfDecision(cluster, replica.find('clusterStatus', id), decision);
    try {
      // A run that is late for its deadline must not start: after an outage the decision is made anew.
      return await committer.commit(commit, { signal, validMs: retryMs });
    } catch (error) {
      if (!isRefused(error)) throw error;
      log.warn({ err: error, clusterId: id }, 'the store refuses the commit of a schedule');
      return 'tooLarge';
    }
  }

  /** Removes the stored history of a cluster that is gone. */
  async #forget(id: string, signal: AbortSignal): Promise<void> {
    const { committer, replica } = this.#options;
    if (replica.find('cluster', id) !== undefined) return;
    const writes = (['clusterStatus', 'clusterRuns'] as const).flatMap((kind) => {
      const found = replica.find(kind, id);
      return found === undefined ? [] : [{ kind, id, expectedRevision: found.revision }];
    });
    if (writes.length > 0) await committer.commit({ writes }, { signal, validMs: retryMs });
  }

  #announce(id: string, { runs, kills, setBack }: ClusterDecision): void {
    const { log, metrics } = this.#options;
    if (setBack !== undefined)
      log.warn(
        { clusterId: id },
        'the clock of a leader ran ahead; the runs of the cluster are decided anew',
      );
    for (const { atMs, outcome, jobId, text } of runs) {
      const at = toRfc3339(atMs);
      metrics.fires.inc({ outcome: wordOf(outcome) });
      if (outcome === FireOutcome.STARTED) log.info({ clusterId: id, jobId, at }, 'a cluster started a job');
      else if (outcome === FireOutcome.SKIPPED) log.info({ clusterId: id, at, text }, 'a run was skipped');
      else log.warn({ clusterId: id, at, text }, 'a cluster could not start a job');
    }
    for (const { job, stop } of kills)
      log.info({ clusterId: id, jobId: job.id, text: stop.text }, 'a cluster ends a job');
  }
}

/** Returns the word of an outcome, such as `started`. */
function wordOf(outcome: FireOutcome): string {
  return fireOutcomeToJSON(outcome).replace('FIRE_OUTCOME_', '').toLowerCase();
}
