import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { typeReleases } from '@berth/shared/model/job/mantis';
import { lookEveryMs } from '@berth/shared/model/job/observer-times';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { ObserverRegistry } from '@berth/store';
import { type LeaderCommitter, masterActor } from '../commit/leader-committer.js';
import {
  idleReason,
  mayBeIdle,
  type ObserverSign,
  runningSinceMs,
  updateSign,
} from '../core/heartbeats/idle-jobs.js';
import { WakeableTimer } from '../primitives/wakeable-timer.js';
import { type Controller, endsLoop } from './controller.js';

/**
 * A longer gap between checks is an interruption: a pause of this process, of the machine, or of the store.
 */
const maxGapMs = 5 * lookEveryMs;

/** Without Transient jobs there is nothing to check; timers take no longer spans than some weeks. */
const idleSleepMs = 24 * 3600 * 1000;

interface SubscriptionControllerOptions {
  readonly store: ObserverRegistry;
  readonly committer: LeaderCommitter;
  readonly cell: CellView;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Ends Transient jobs that nobody observes. The time of a job without subscribers counts from when this
 * controller could read their signs. After an outage of the store, or of all masters, silence says nothing:
 * the time begins anew.
 */
export class SubscriptionController implements Controller {
  readonly name = 'subscriptions';
  readonly #options: SubscriptionControllerOptions;
  readonly #timer: WakeableTimer;
  /** The Transient jobs that live, with the sign of observers of each since it runs. */
  readonly #jobs = new Map<string, ObserverSign | undefined>();
  readonly #over = new Set<string>();

  constructor(options: SubscriptionControllerOptions) {
    this.#options = options;
    this.#timer = new WakeableTimer(options.clock);
    for (const { id } of options.cell.all('job')) this.#update(id);
  }

  take({ changes }: CommitChanges): void {
    for (const { kind, id } of changes) if (kind === 'job' || kind === 'jobStatus') this.#update(id);
  }

  wake(): void {
    this.#timer.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let lastCheckMs = clock.nowMs();
    while (!signal.aborted) {
      try {
        const nowMs = clock.nowMs();
        if (nowMs - lastCheckMs > maxGapMs) this.#startOver();
        lastCheckMs = nowMs;
        await this.#check(nowMs, signal);
      } catch (error) {
        if (endsLoop(error, signal)) return;
        this.#startOver();
        log.warn({ err: error }, 'cannot read the signs of observers; trying again');
      }
      const rests = this.#jobs.size + this.#over.size === 0;
      await this.#timer.sleep(rests ? idleSleepMs : lookEveryMs, signal);
    }
  }

  #update(id: string): void {
    const { cell } = this.#options;
    const job = cell.find('job', id)?.record;
    const isFollowed = job !== undefined && mayBeIdle(job, cell.find('jobStatus', id)?.record);
    if (!isFollowed) {
      if (this.#jobs.delete(id)) this.#over.add(id);
      return;
    }
    if (this.#jobs.has(id)) return;
    this.#jobs.set(id, undefined);
    if (this.#jobs.size === 1) this.wake();
  }

  #startOver(): void {
    for (const id of this.#jobs.keys()) this.#jobs.set(id, undefined);
  }

  async #check(nowMs: number, signal: AbortSignal): Promise<void> {
    const { store, cell } = this.#options;
    await this.#forgetOver();
    const running = [...this.#jobs.keys()].filter(
      (id) => runningSinceMs(cell.find('jobStatus', id)?.record) !== undefined,
    );
    if (running.length === 0) return;
    const marks = await store.lastObservedMs(running);
    for (const id of running) {
      // The job may have ended while the answer was on its way.
      if (!this.#jobs.has(id)) continue;
      const sign = updateSign(this.#jobs.get(id), marks.get(id), nowMs);
      this.#jobs.set(id, sign);
      await this.#endIfIdle(id, sign, { nowMs, signal });
    }
  }

  async #endIfIdle(
    id: string,
    sign: ObserverSign,
    { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { committer, cell, log } = this.#options;
    const job = cell.find('job', id);
    const reason = job && idleReason(job.record, cell.find('jobStatus', id)?.record, sign, nowMs);
    if (job === undefined || reason === undefined) return;
    const record = { ...job.record, kill: { atMs: nowMs, by: masterActor, text: reason } };
    const result = await committer.commit(
      {
        writes: [{ kind: 'job', id, record, expectedRevision: job.revision }],
        releaseClaims: typeReleases(job.record),
      },
      // An outage makes the judgement worthless: the silence may have been the store's.
      { signal, validMs: lookEveryMs },
    );
    // If somebody else has changed the job, the next check judges the changed job.
    if (result.ok) log.info({ job: id }, `ending a job: ${reason}`);
  }

  async #forgetOver(): Promise<void> {
    const over = [...this.#over];
    if (over.length === 0) return;
    await this.#options.store.forgetObserved(over);
    for (const id of over) this.#over.delete(id);
  }
}
