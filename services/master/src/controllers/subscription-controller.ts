import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { typeReleases } from '@berth/shared/model/job/mantis';
import { lookEveryMs } from '@berth/shared/model/job/observer-times';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Committer, ObserverRegistry } from '@berth/store';
import { type Heard, hear, idleReason, mayBeIdle, runningSinceMs } from '../core/heartbeats/idle-jobs.js';
import { Alarm } from '../primitives/wakeable-timer.js';
import { masterActor } from '../work/pending-work.js';

/** Looks that are further apart than this were interrupted: by a pause of this process, of the machine, or of the store. */
const maxGapMs = 5 * lookEveryMs;

/** Without Transient jobs there is nothing to look at; timers take no longer spans than some weeks. */
const idleSleepMs = 24 * 3600 * 1000;

export interface SubscriptionWatchOptions {
  readonly store: Committer & ObserverRegistry;
  readonly cell: CellView;
  readonly epoch: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Ends Transient jobs that nobody observes. A job's time without subscribers counts from when this watch could hear them:
 * after an outage of the store, or of all masters, silence says nothing, and the time begins anew.
 */
export class SubscriptionWatch {
  readonly #options: SubscriptionWatchOptions;
  readonly #alarm: Alarm;
  /** The Transient jobs that go on, and what was heard of each since it runs. */
  readonly #jobs = new Map<string, Heard | undefined>();
  readonly #over = new Set<string>();

  constructor(options: SubscriptionWatchOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
    for (const { id } of options.cell.all('job')) this.#note(id);
  }

  /** Notes what a commit means for Transient jobs. */
  take({ changes }: CommitChanges): void {
    for (const { kind, id } of changes) if (kind === 'job' || kind === 'jobStatus') this.#note(id);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let lastLookMs = clock.nowMs();
    while (!signal.aborted) {
      try {
        const nowMs = clock.nowMs();
        if (nowMs - lastLookMs > maxGapMs) this.#startOver();
        lastLookMs = nowMs;
        await this.#look(nowMs);
      } catch (error) {
        if (signal.aborted) return;
        this.#startOver();
        log.warn({ err: error }, 'cannot tell who observes jobs; trying again');
      }
      const rests = this.#jobs.size + this.#over.size === 0;
      await this.#alarm.sleep(rests ? idleSleepMs : lookEveryMs, signal);
    }
  }

  #note(id: string): void {
    const { cell } = this.#options;
    const job = cell.find('job', id)?.record;
    const isWatched = job !== undefined && mayBeIdle(job, cell.find('jobStatus', id)?.record);
    if (!isWatched) {
      if (this.#jobs.delete(id)) this.#over.add(id);
      return;
    }
    if (this.#jobs.has(id)) return;
    this.#jobs.set(id, undefined);
    if (this.#jobs.size === 1) this.#alarm.wake();
  }

  #startOver(): void {
    for (const id of this.#jobs.keys()) this.#jobs.set(id, undefined);
  }

  async #look(nowMs: number): Promise<void> {
    const { store, cell } = this.#options;
    await this.#forgetOver();
    const running = [...this.#jobs.keys()].filter(
      (id) => runningSinceMs(cell.find('jobStatus', id)?.record) !== undefined,
    );
    if (running.length === 0) return;
    const marks = await store.lastObservedMs(running);
    for (const id of running) {
      // It may have ended while the answer was on its way.
      if (!this.#jobs.has(id)) continue;
      const heard = hear(this.#jobs.get(id), marks.get(id), nowMs);
      this.#jobs.set(id, heard);
      await this.#judge(id, heard, nowMs);
    }
  }

  async #judge(id: string, heard: Heard, nowMs: number): Promise<void> {
    const { store, cell, epoch, log } = this.#options;
    const job = cell.find('job', id);
    const reason = job && idleReason(job.record, cell.find('jobStatus', id)?.record, heard, nowMs);
    if (job === undefined || reason === undefined) return;
    const record = { ...job.record, kill: { atMs: nowMs, by: masterActor, text: reason } };
    const result = await store.commit({
      actor: masterActor,
      epoch,
      writes: [{ kind: 'job', id, record, expectedRevision: job.revision }],
      releaseClaims: typeReleases(job.record),
    });
    // Where somebody else has changed the job, or leads, the next look or the term's end takes care of it.
    if (result.ok) log.info({ job: id }, `ending a job: ${reason}`);
  }

  async #forgetOver(): Promise<void> {
    const over = [...this.#over];
    if (over.length === 0) return;
    await this.#options.store.forgetObserved(over);
    for (const id of over) this.#over.delete(id);
  }
}
