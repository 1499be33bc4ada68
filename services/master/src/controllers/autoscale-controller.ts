import type { CommitChanges } from '@berth/shared/model/cell/change';
import type { Entity } from '@berth/shared/model/cell/entity';
import { SampleWindow } from '@berth/shared/model/scaling/sample-window';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { CellStore, SampleFeed } from '@berth/store';
import type { Replica } from '@berth/store/replica';
import { JobScaler, mayScale, type SetDecision, scalingCommit } from '../core/scaling/job-scaler.js';
import type { MasterMetrics } from '../metrics/master-metrics.js';
import { Alarm } from '../primitives/wakeable-timer.js';
import { masterActor } from '../work/pending-work.js';

/** Sleeps are no longer than this; one that ends for nothing this seldom costs nothing. */
const maxIdleMs = 3600 * 1000;
/** A decision that loses this many times in a row to other writers waits for the next look. */
const maxAttempts = 5;
/** The next look needs what the last one committed. */
const replicaWaitMs = 10_000;

export interface AutoscaleOptions {
  readonly store: Pick<CellStore, 'commit' | 'openSampleFeed'>;
  readonly replica: Replica;
  readonly epoch: number;
  /** How often conditions are looked at. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: MasterMetrics;
}

/**
 * Changes the instances of jobs as their policies say. It listens to samples, and looks at anything, only while there is a
 * job with policies. What it has seen dies with it: a new leader begins with nothing but the decisions that are stored.
 */
export class AutoscaleWatch {
  readonly #options: AutoscaleOptions;
  readonly #alarm: Alarm;
  readonly #window = new SampleWindow();
  readonly #scalers = new Map<string, JobScaler>();
  #feed: SampleFeed | undefined;

  constructor(options: AutoscaleOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.clock);
    for (const { record } of options.replica.all('job')) this.#consider(record.id);
  }

  /** Notes what a commit means for the looks to come. */
  take({ changes }: CommitChanges): void {
    for (const { kind, id } of changes) if (kind === 'job' || kind === 'jobStatus') this.#consider(id);
  }

  /** Runs until the signal aborts, or another master leads. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        this.#listen();
        if (!(await this.#lookAtAll(signal))) return;
        await this.#alarm.sleep(this.#scalers.size === 0 ? maxIdleMs : this.#options.everyMs, signal);
      }
    } finally {
      await this.#feed?.close();
      this.#options.metrics.scaledJobs.set(0);
      this.#options.metrics.sampledTasks.set(0);
    }
  }

  #consider(jobId: string): void {
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
      if (this.#scalers.size === 1) this.#alarm.wake();
    }
    metrics.scaledJobs.set(this.#scalers.size);
  }

  /** Opens the ear for samples with the first job that needs it, and closes it with the last. */
  #listen(): void {
    const { store, clock, metrics, log } = this.#options;
    if (this.#scalers.size === 0) {
      const feed = this.#feed;
      this.#feed = undefined;
      feed?.close().catch((error: unknown) => log.warn({ err: error }, 'cannot stop listening to samples'));
    } else if (this.#feed === undefined) {
      this.#feed = store.openSampleFeed();
      this.#feed.batches$.subscribe((batch) => metrics.samples.inc(this.#window.add(batch, clock.nowMs())));
    }
  }

  /** False where another master leads. */
  async #lookAtAll(signal: AbortSignal): Promise<boolean> {
    for (const [jobId, scaler] of this.#scalers) {
      try {
        if (!(await this.#lookAt(jobId, scaler, signal))) return false;
      } catch (error) {
        if (signal.aborted) return false;
        this.#options.log.warn({ err: error }, `cannot scale job ${jobId}; trying again`);
      }
    }
    this.#options.metrics.sampledTasks.set(this.#window.size);
    return true;
  }

  async #lookAt(jobId: string, scaler: JobScaler, signal: AbortSignal): Promise<boolean> {
    const { store, replica, epoch, clock, log } = this.#options;
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const job = replica.find('job', jobId);
      const nowMs = clock.nowMs();
      const decisions = scaler.look({ cell: replica, window: this.#window, nowMs });
      if (job === undefined || decisions.length === 0) return true;
      const request = scalingCommit(replica, job, decisions, nowMs);
      const result = await store.commit({ ...request, actor: masterActor, epoch });
      if (result.ok) {
        this.#carriedOut(job, scaler, decisions);
        await replica.waitFor(result.revision, replicaWaitMs, signal);
        return true;
      }
      // The term learns by itself that another master leads.
      if (result.reason !== 'conflict') return false;
      scaler.undo();
      // What was removed has no revision to wait for.
      if (result.actualRevision > 0) await replica.waitFor(result.actualRevision, replicaWaitMs, signal);
    }
    log.info(`job ${jobId} changes all the time; it is scaled later`);
    return true;
  }

  /** Nothing that was heard before the change says anything about the time after it. */
  #carriedOut(job: Entity<'job'>, scaler: JobScaler, decisions: readonly SetDecision[]): void {
    const { log, metrics } = this.#options;
    this.#window.retain(job.id, []);
    for (const { stage, proposal } of decisions) {
      const { policy, from, to, values } = proposal;
      scaler.carriedOut(stage);
      metrics.scalings.inc({ direction: to > from ? 'out' : 'in' });
      log.info({ jobId: job.id, stage, policy, values }, `job ${job.id} is scaled from ${from} to ${to}`);
    }
  }
}
