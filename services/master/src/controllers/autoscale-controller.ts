import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Entity } from '@berth/shared/model/cell/entity';
import { SampleWindow } from '@berth/shared/model/scaling/sample-window';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { CellStore, SampleFeed } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import type { LeaderCommitter } from '../commit/leader-committer.js';
import { JobScaler, mayScale, type SetDecision } from '../core/scaling/job-scaler.js';
import { scalingCommit } from '../core/scaling/scaling-commit.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { WakeableTimer } from '../primitives/wakeable-timer.js';
import { type Controller, endsLoop } from './controller.js';

/** Sleeps are no longer than this: a wake-up without work is this seldom that it costs nothing. */
const maxIdleMs = 3600 * 1000;
/** A decision that conflicts this many times in a row is left to the next check. */
const maxAttempts = 5;

interface AutoscaleOptions {
  readonly store: Pick<CellStore, 'openSampleFeed'>;
  readonly committer: LeaderCommitter;
  readonly replica: Replica;
  /** The time between two checks of the policies' conditions. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MasterMetrics;
}

/**
 * Changes the number of instances of jobs by their policies. It reads samples, and checks anything, only
 * while a job has policies. Its samples end with the leadership: a new leader begins with the stored
 * decisions alone.
 */
export class AutoscaleController implements Controller {
  readonly name = 'scaling';
  readonly #options: AutoscaleOptions;
  readonly #timer: WakeableTimer;
  readonly #window = new SampleWindow();
  readonly #scalers = new Map<string, JobScaler>();
  #feed: SampleFeed | undefined;

  constructor(options: AutoscaleOptions) {
    this.#options = options;
    this.#timer = new WakeableTimer(options.clock);
    for (const { record } of options.replica.all('job')) this.#update(record.id);
  }

  take({ changes }: CommitChanges): void {
    for (const { kind, id } of changes) if (kind === 'job' || kind === 'jobStatus') this.#update(id);
  }

  wake(): void {
    this.#timer.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        this.#openOrCloseFeed();
        await this.#checkAll(signal);
        await this.#timer.sleep(this.#scalers.size === 0 ? maxIdleMs : this.#options.everyMs, signal);
      }
    } finally {
      await this.#feed?.close();
      this.#options.metrics.scaledJobs.set(0);
      this.#options.metrics.sampledTasks.set(0);
    }
  }

  #update(jobId: string): void {
    const { replica, clock, everyMs, metrics } = this.#options;
    const job = replica.find('job', jobId)?.record;
    const descriptor = job !== undefined && mayScale(replica, job) ? job.descriptor : undefined;
    if (this.#scalers.has(jobId) === (descriptor !== undefined)) return;
    if (descriptor === undefined) {
      this.#scalers.delete(jobId);
      this.#window.unwatch(jobId);
    } else {
      const scaler = new JobScaler(jobId, descriptor, { everyMs }, clock.nowMs());
      this.#scalers.set(jobId, scaler);
      this.#window.watch(jobId, scaler.metrics);
      if (this.#scalers.size === 1) this.wake();
    }
    metrics.scaledJobs.set(this.#scalers.size);
  }

  /** Opens the feed of samples with the first job that needs it, and closes it with the last. */
  #openOrCloseFeed(): void {
    const { store, clock, metrics, log } = this.#options;
    if (this.#scalers.size === 0) {
      const feed = this.#feed;
      this.#feed = undefined;
      feed?.close().catch((error: unknown) => log.warn({ err: error }, 'cannot close the feed of samples'));
    } else if (this.#feed === undefined) {
      this.#feed = store.openSampleFeed();
      this.#feed.batches$.subscribe((batch) => metrics.samples.inc(this.#window.add(batch, clock.nowMs())));
    }
  }

  async #checkAll(signal: AbortSignal): Promise<void> {
    for (const [jobId, scaler] of this.#scalers) {
      try {
        await this.#check(jobId, scaler, signal);
      } catch (error) {
        if (endsLoop(error, signal)) return;
        this.#options.log.warn({ err: error }, `cannot scale job ${jobId}; trying again`);
      }
    }
    this.#options.metrics.sampledTasks.set(this.#window.size);
  }

  async #check(jobId: string, scaler: JobScaler, signal: AbortSignal): Promise<void> {
    const { committer, replica, everyMs, clock, log } = this.#options;
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const job = replica.find('job', jobId);
      const nowMs = clock.nowMs();
      const decisions = scaler.decide({ cell: replica, window: this.#window, nowMs });
      if (job === undefined || decisions.length === 0) return;
      const request = scalingCommit(replica, job, decisions, nowMs);
      const result = await committer.commit(request, { signal, validMs: everyMs });
      if (result.ok) return this.#committed(job, scaler, decisions);
      scaler.undo();
    }
    log.info(`job ${jobId} changes all the time; it is scaled later`);
  }

  /** Forgets the samples from before the change: they say nothing about the time after it. */
  #committed(job: Entity<'job'>, scaler: JobScaler, decisions: readonly SetDecision[]): void {
    const { log, metrics } = this.#options;
    this.#window.retain(job.id, []);
    for (const { stage, proposal } of decisions) {
      const { policy, from, to, values } = proposal;
      scaler.committed(stage);
      metrics.scalings.inc({ direction: to > from ? 'out' : 'in' });
      log.info({ jobId: job.id, stage, policy, values }, `job ${job.id} is scaled from ${from} to ${to}`);
    }
  }
}
