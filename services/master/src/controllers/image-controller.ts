import type { ImageResolver } from '@berth/registry';
import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { CommitChanges } from '@berth/shared/model/cell/change';
import { BerthError } from '@berth/shared/model/errors/errors';
import { imageDigestKey, isUnpinned } from '@berth/shared/model/submission/image-pins';
import type { Clock } from '@berth/shared/process/clock';
import type { Logger } from '@berth/shared/process/logger';
import type { Replica } from '@berth/store/replica';
import type { LeaderCommitter } from '../commit/leader-committer.js';
import { pinnedByTasks, resolvedBy, unresolvedFor } from '../core/task/pin-images.js';
import { allSettled } from '../primitives/all-settled.js';
import { WakeableTimer } from '../primitives/wakeable-timer.js';
import { type Controller, endsLoop } from './controller.js';

/** A change that conflicts this many times in a row is left to the next check. */
const maxAttempts = 5;
const retryMs = 500;
/** Timers take no longer spans. */
const maxIdleMs = 3_600_000;

interface ImageControllerOptions {
  readonly committer: LeaderCommitter;
  readonly replica: Replica;
  readonly clock: Clock;
  readonly log: Logger;
  /** Absent: no registry is asked. */
  readonly resolver?: Pick<ImageResolver, 'resolve'> | undefined;
}

/**
 * Gives the images of jobs their digests: by the answers of registries for jobs that the leader starts, else
 * by the digest that the first task runs. Each job is handled by itself. So a silent registry holds up only
 * its own jobs.
 */
export class ImageController implements Controller {
  readonly name = 'images';
  readonly #options: ImageControllerOptions;
  readonly #timer: WakeableTimer;
  readonly #waiting = new Set<string>();
  readonly #underWay = new Map<string, Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(options: ImageControllerOptions) {
    this.#options = options;
    this.#timer = new WakeableTimer(options.clock);
    for (const { id, record } of options.replica.all('job')) if (isUnpinned(record.descriptor)) this.#add(id);
  }

  take({ changes }: CommitChanges): void {
    for (const change of changes) {
      if (change.kind === 'job' && change.after?.record.resolveImagesUntilMs) this.#add(change.id);
      if (change.kind !== 'task') continue;
      const record = change.after?.record;
      if (record?.task?.taskContext[imageDigestKey] !== undefined) this.#add(record.jobId);
    }
  }

  wake(): void {
    this.#timer.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#failure === undefined) {
      for (const id of this.#waiting) this.#begin(id, signal);
      await this.#timer.sleep(this.#waiting.size > 0 ? retryMs : maxIdleMs, signal);
    }
    await allSettled([...this.#underWay.values()]);
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #add(id: string): void {
    this.#waiting.add(id);
    this.wake();
  }

  #begin(id: string, signal: AbortSignal): void {
    if (this.#underWay.has(id)) return;
    this.#waiting.delete(id);
    const work = this.#handle(id, signal)
      .catch((error: unknown) => this.#failed(id, error, signal))
      .finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, work);
  }

  /** Leaves the job to a later check, unless the leadership is over. */
  #failed(id: string, error: unknown, signal: AbortSignal): void {
    try {
      if (endsLoop(error, signal)) return;
      this.#options.log.warn({ err: error }, `cannot pin the images of job ${id}; trying again`);
      this.#waiting.add(id);
    } catch (fenced) {
      this.#failure = { error: fenced };
      this.wake();
    }
  }

  async #handle(id: string, signal: AbortSignal): Promise<void> {
    const { replica, clock } = this.#options;
    const job = replica.find('job', id)?.record;
    if (job?.descriptor === undefined || !isUnpinned(job.descriptor)) return;
    const untilMs = job.resolveImagesUntilMs ?? 0;
    if (untilMs > 0) {
      const answer =
        clock.nowMs() < untilMs ? await this.#resolve(job.descriptor, signal) : 'the leader had no time left';
      await this.#change(id, signal, (now) => resolvedBy(now, answer));
      return;
    }
    await this.#change(id, signal, (now) =>
      pinnedByTasks(
        now,
        replica.tasksOf(id).map(({ record }) => record),
      ),
    );
  }

  /** Returns the descriptor with digests, or the reason if no registry gives one. */
  async #resolve(descriptor: NonNullable<JobRecord['descriptor']>, signal: AbortSignal) {
    const { resolver } = this.#options;
    if (resolver === undefined) return unresolvedFor('the leader asks no registries');
    try {
      return await resolver.resolve(descriptor, signal);
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      return unresolvedFor(error.message);
    }
  }

  /** Commits the change of a job. It is made again if others have changed the job. */
  async #change(
    id: string,
    signal: AbortSignal,
    make: (job: JobRecord) => JobRecord | undefined,
  ): Promise<void> {
    const { committer, replica, log } = this.#options;
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const job = replica.find('job', id);
      const record = job && make(job.record);
      if (job === undefined || record === undefined) return;
      const write = { kind: 'job', id, record, expectedRevision: job.revision } as const;
      const result = await committer.commit({ writes: [write] }, { signal });
      if (result.ok) return log.info({ jobId: id }, 'the images of a job are decided');
    }
    this.#waiting.add(id);
  }
}
