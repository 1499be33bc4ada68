import { FireOutcome, fireOutcomeToJSON } from '@berth/shared/gen/berth/v1/store';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { BerthError } from '@berth/shared/model/errors/errors';
import { toRfc3339 } from '@berth/shared/model/task/task-state';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { CommitResult, Committer } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { type ClusterDecision, decideCluster } from '../core/schedule/schedule.js';
import { commitOfDecision, isEmptyDecision } from '../core/schedule/schedule-commit.js';
import { allSettled } from '../leader/leadership.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { Alarm } from '../primitives/wakeable-timer.js';
import { masterActor } from '../work/pending-work.js';
import { ScheduledClusters } from '../work/scheduled-clusters.js';
import { FencedError } from './round-loop.js';

/** Clusters that are decided on at the same time. */
const maxAtOnce = 16;
/** Jobs that one commit starts; fewer where the store refuses it as too large. */
const maxStarts = 25;
/** A decision that loses this often to others is left to the next look. */
const maxAttempts = 10;
const settleMs = 20;
const retryMs = 500;
const refusedRetryMs = 60_000;
const replicaWaitMs = 10_000;
/** Timers take no longer spans. */
const maxIdleMs = 3_600_000;
/** A new leader reads what agents have reported meanwhile before it says which jobs live, for so long at most. */
const patienceMs = 5_000;
const patienceStepMs = 50;

export interface ScheduleWatchOptions {
  readonly store: Committer;
  readonly replica: Replica;
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<MasterMetrics, 'fires'>;
  /** Whether what agents had to report when the term began has been taken in. */
  readonly hasCaughtUp: () => boolean;
}

/**
 * Has clusters do what they do by themselves: start a job at each fire of their schedule, keep their minimum, end what a newer
 * job replaces. Sleeps until the next fire is due.
 */
export class ScheduleWatch {
  readonly #options: ScheduleWatchOptions;
  readonly #clusters: ScheduledClusters;
  readonly #alarm: Alarm;

  constructor(options: ScheduleWatchOptions) {
    this.#options = options;
    this.#clusters = new ScheduledClusters(options.replica);
    this.#alarm = new Alarm(options.clock);
  }

  /** Notes what a commit means for the clusters. */
  take({ changes }: CommitChanges): void {
    let isNews = false;
    for (const change of changes) isNews = this.#clusters.take(change) || isNews;
    if (isNews) this.#alarm.wake();
  }

  /** Runs until the signal aborts. Rejects with FencedError when another master leads. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let isPatient = true;
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      if (!this.#clusters.hasWork(nowMs)) {
        const idleMs = Math.min(this.#clusters.due.nextMs() - nowMs, maxIdleMs);
        await this.#alarm.sleep(idleMs, signal);
        continue;
      }
      if (isPatient) await this.#waitForReports(signal);
      isPatient = false;
      const ids = this.#clusters.takeDue(clock.nowMs());
      try {
        for (let from = 0; from < ids.length && !signal.aborted; from += maxAtOnce)
          await allSettled(ids.slice(from, from + maxAtOnce).map((id) => this.#look(id, signal)));
      } catch (error) {
        if (error instanceof FencedError) throw error;
        if (signal.aborted) return;
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

  /** Decides on one cluster and commits it, again where others were faster. */
  async #look(id: string, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const taken = new Map<string, string>();
    let starts = maxStarts;
    for (let attempt = 0; attempt < maxAttempts && !signal.aborted; attempt += 1) {
      const decision = this.#decide(id, taken, starts);
      if (decision === undefined) return this.#forget(id);
      if (isEmptyDecision(decision)) return this.#clusters.due.set(id, decision.nextDueMs);
      const result = await this.#commit(id, decision);
      if (result === 'tooLarge') {
        if (starts === 1) return this.#clusters.due.set(id, clock.nowMs() + refusedRetryMs);
        starts = Math.max(1, Math.floor(starts / 4));
      } else if (result.ok) {
        await this.#options.replica.waitFor(result.revision, replicaWaitMs, signal);
        this.#announce(id, decision);
        return this.#clusters.due.set(id, decision.nextDueMs);
      } else await this.#learn(result, taken, signal);
    }
    this.#clusters.due.set(id, clock.nowMs() + retryMs);
  }

  #decide(id: string, taken: ReadonlyMap<string, string>, starts: number): ClusterDecision | undefined {
    const { replica, clock } = this.#options;
    const cluster = replica.find('cluster', id);
    if (cluster === undefined || !this.#clusters.isWatched(id)) return undefined;
    return decideCluster({
      cluster,
      schedule: this.#clusters.scheduleOf(id),
      status: replica.find('clusterStatus', id)?.record,
      jobs: this.#clusters.jobsOf(id),
      nowMs: clock.nowMs(),
      attributes: () => this.#clusters.attributes(),
      taken,
      maxStarts: starts,
    });
  }

  async #commit(id: string, decision: ClusterDecision): Promise<CommitResult | 'tooLarge'> {
    const { store, replica, epoch, log } = this.#options;
    const cluster = replica.find('cluster', id);
    if (cluster === undefined) throw new Error(`job cluster ${id} is gone within one turn`);
    const commit = commitOfDecision(cluster, replica.find('clusterStatus', id), decision);
    try {
      return await store.commit({ actor: masterActor, epoch, ...commit });
    } catch (error) {
      if (!(error instanceof BerthError) || error.code !== 'invalidArgument') throw error;
      log.warn({ err: error, clusterId: id }, 'the store refuses what a schedule asks for');
      return 'tooLarge';
    }
  }

  /** Takes in why a commit was refused, so that the next decision differs. */
  async #learn(
    result: Exclude<CommitResult, { readonly ok: true }>,
    taken: Map<string, string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { replica, clock } = this.#options;
    switch (result.reason) {
      case 'fenced':
        throw new FencedError(`epoch ${result.epoch} leads now`);
      case 'claimed':
        taken.set(result.name, result.owner);
        return;
      case 'conflict':
        if (result.actualRevision > 0) await replica.waitFor(result.actualRevision, replicaWaitMs, signal);
        // What is gone has no revision to wait for.
        else await clock.sleep(settleMs, signal);
    }
  }

  /** A cluster that is gone takes what is remembered of it along. */
  async #forget(id: string): Promise<void> {
    const { store, replica, epoch } = this.#options;
    const status = replica.find('clusterStatus', id);
    if (status === undefined || replica.find('cluster', id) !== undefined) return;
    const write = { kind: 'clusterStatus', id, expectedRevision: status.revision } as const;
    const result = await store.commit({ actor: masterActor, epoch, writes: [write] });
    if (!result.ok && result.reason === 'fenced') throw new FencedError(`epoch ${result.epoch} leads now`);
  }

  #announce(id: string, { fires, kills }: ClusterDecision): void {
    const { log, metrics } = this.#options;
    for (const { atMs, outcome, jobId, text } of fires) {
      const at = toRfc3339(atMs);
      metrics.fires.inc({ outcome: wordOf(outcome) });
      if (outcome === FireOutcome.STARTED) log.info({ clusterId: id, jobId, at }, 'a cluster started a job');
      else if (outcome === FireOutcome.SKIPPED) log.info({ clusterId: id, at, text }, 'a fire was skipped');
      else log.warn({ clusterId: id, at, text }, 'a cluster could not start a job');
    }
    for (const { job, wish } of kills)
      log.info({ clusterId: id, jobId: job.id, text: wish.text }, 'a cluster ends a job');
  }
}

/** Such as `started`. */
function wordOf(outcome: FireOutcome): string {
  return fireOutcomeToJSON(outcome).replace('FIRE_OUTCOME_', '').toLowerCase();
}
