import type { SampleBatch } from '../../gen/berth/v1/store.js';
import { jobIdOfTask } from '../task/task-id.js';
import type { Reading } from './evaluate.js';

/** The last two samples of a task, and when the newer one was heard. */
interface Heard {
  readonly atMs: number;
  readonly last: Reading;
  readonly previous?: Reading;
}

interface WatchedJob {
  readonly metrics: ReadonlySet<string>;
  readonly tasks: Map<string, Heard>;
}

/**
 * The newest samples of the tasks of watched jobs, restricted to requested metrics. The age of a sample
 * counts from its arrival, since the clocks of agents may differ.
 */
export class SampleWindow {
  readonly #jobs = new Map<string, WatchedJob>();

  /** Starts to keep these metrics of the job's tasks. Earlier samples stay. */
  watch(jobId: string, metrics: ReadonlySet<string>): void {
    this.#jobs.set(jobId, { metrics, tasks: this.#jobs.get(jobId)?.tasks ?? new Map() });
  }

  unwatch(jobId: string): void {
    this.#jobs.delete(jobId);
  }

  /** Keeps the samples of watched jobs. Returns their number. */
  add(batch: SampleBatch, nowMs: number): number {
    let taken = 0;
    for (const { taskId, values } of batch.samples) {
      const job = this.#jobs.get(jobIdOfTask(taskId));
      if (job === undefined) continue;
      const before = job.tasks.get(taskId);
      const last = pick(values, job.metrics);
      job.tasks.set(taskId, { atMs: nowMs, last, ...(before && { previous: before.last }) });
      taken += 1;
    }
    return taken;
  }

  /** Returns the newest sample of each of these tasks that arrived at `sinceMs` or later. */
  latest(jobId: string, taskIds: readonly string[], sinceMs: number): readonly Reading[] {
    return this.#heard(jobId, taskIds, sinceMs).map(({ last }) => last);
  }

  /** The same, with each value the mean of the last two samples. */
  meanOfTwo(jobId: string, taskIds: readonly string[], sinceMs: number): readonly Reading[] {
    return this.#heard(jobId, taskIds, sinceMs).map(({ last, previous }) =>
      previous === undefined ? last : meanOf(last, previous),
    );
  }

  /** Forgets the samples of all but these tasks of the job. */
  retain(jobId: string, taskIds: readonly string[]): void {
    const tasks = this.#jobs.get(jobId)?.tasks;
    if (tasks === undefined) return;
    const kept = new Set(taskIds);
    for (const id of tasks.keys()) if (!kept.has(id)) tasks.delete(id);
  }

  /** The number of tasks with samples. */
  get size(): number {
    let size = 0;
    for (const { tasks } of this.#jobs.values()) size += tasks.size;
    return size;
  }

  #heard(jobId: string, taskIds: readonly string[], sinceMs: number): readonly Heard[] {
    const tasks = this.#jobs.get(jobId)?.tasks;
    return taskIds.flatMap((id) => {
      const heard = tasks?.get(id);
      return heard === undefined || heard.atMs < sinceMs ? [] : [heard];
    });
  }
}

function pick(values: Readonly<Record<string, number>>, metrics: ReadonlySet<string>): Reading {
  return Object.fromEntries(Object.entries(values).filter(([name]) => metrics.has(name)));
}

function meanOf(last: Reading, previous: Reading): Reading {
  return Object.fromEntries(
    Object.entries(last).map(([name, value]) => {
      const before = Object.hasOwn(previous, name) ? previous[name] : undefined;
      return [name, before === undefined ? value : (value + before) / 2];
    }),
  );
}
