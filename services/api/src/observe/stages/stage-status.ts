import { type Stage, WatchStagesResponse } from '@berth/shared/gen/berth/v1/stage_service';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { isJobLive } from '@berth/shared/model/job/job';
import { type CancelTimer, startTimer, systemClock } from '@berth/shared/process/clock';
import type { ObserveHub } from '../stream/observe-hub.js';
import type { JobNotification } from '../titus/core/job-notifications.js';
import { stageMessages } from './core/stage-messages.js';

/** Changes of a job's tasks within this time are sent together: a stage that starts changes very often. */
const gatherMs = 100;

/** A watcher of stages. Neither method may throw. */
export interface StageWatcher {
  /** The stage has changed; the bytes are a WatchStagesResponse. */
  show(stage: number, bytes: Buffer): void;
  /** The job has ended: nothing more will be shown. */
  end(): void;
}

/** The stages of one job as its watchers last saw them, made and encoded once for all of them. */
class StageStatus {
  readonly watchers = new Set<StageWatcher>();
  readonly #jobId: string;
  readonly #view: CellView;
  #shown: ReadonlyMap<number, Buffer> = new Map();
  #cancelTimer: CancelTimer | undefined;

  constructor(jobId: string, view: CellView) {
    this.#jobId = jobId;
    this.#view = view;
    this.#shown = this.#compose();
  }

  /**
   * Shows the present state to the new watcher. Changes since the last refresh go to all watchers at once.
   */
  join(watcher: StageWatcher): void {
    // A watcher gets the last state before the end.
    if (!this.#isLive) this.#refresh();
    this.watchers.add(watcher);
    for (const [stage, bytes] of this.#shown) watcher.show(stage, bytes);
    if (!this.#isLive) watcher.end();
  }

  /** Something of the job has changed. */
  noteChange(): void {
    this.#cancelTimer ??= startTimer(systemClock, gatherMs, () => this.#refresh());
  }

  close(): void {
    this.#cancelTimer?.();
    for (const watcher of [...this.watchers]) watcher.end();
  }

  get #isLive(): boolean {
    return (
      this.#view.find('job', this.#jobId) !== undefined &&
      isJobLive(this.#view.find('jobStatus', this.#jobId)?.record)
    );
  }

  #refresh(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const before = this.#shown;
    this.#shown = this.#compose();
    for (const [stage, bytes] of this.#shown) {
      if (before.get(stage)?.equals(bytes)) continue;
      for (const watcher of [...this.watchers]) watcher.show(stage, bytes);
    }
    if (!this.#isLive) for (const watcher of [...this.watchers]) watcher.end();
  }

  #compose(): ReadonlyMap<number, Buffer> {
    const job = this.#view.find('job', this.#jobId)?.record;
    if (job?.descriptor === undefined) return this.#shown;
    const { descriptor, kill } = job;
    const tasks = this.#view.tasksOf(this.#jobId).map(({ record }) => record);
    const stages = stageMessages({ descriptor, tasks, isEnding: kill !== undefined || !this.#isLive });
    return new Map(stages.map((stage) => [stage.number, stageBytes(stage)]));
  }
}

/** The status of each job with a watcher here. A job without a watcher costs nothing. */
export class StageStatuses {
  readonly #view: CellView;
  readonly #jobs: ObserveHub<JobNotification>;
  readonly #statuses = new Map<string, { readonly stageStatus: StageStatus; readonly leave: () => void }>();

  constructor(view: CellView, jobs: ObserveHub<JobNotification>) {
    this.#view = view;
    this.#jobs = jobs;
  }

  /**
   * Shows the stages of a job to the watcher, at once and after each change. The view must have the job.
   * Returns a function that ends it.
   */
  watch(jobId: string, watcher: StageWatcher): () => void {
    const { stageStatus, leave } = this.#statuses.get(jobId) ?? this.#open(jobId);
    stageStatus.join(watcher);
    return () => {
      stageStatus.watchers.delete(watcher);
      if (stageStatus.watchers.size > 0 || this.#statuses.get(jobId)?.stageStatus !== stageStatus) return;
      this.#statuses.delete(jobId);
      leave();
      stageStatus.close();
    };
  }

  #open(jobId: string) {
    const stageStatus = new StageStatus(jobId, this.#view);
    const note = () => stageStatus.noteChange();
    // A store that was set back is a change like any other: only the present state is shown.
    const entry = { stageStatus, leave: this.#jobs.subscribeTo(jobId, { offer: note, fail: note }) };
    this.#statuses.set(jobId, entry);
    return entry;
  }
}

export function stageBytes(stage: Stage): Buffer {
  return Buffer.from(WatchStagesResponse.encode({ stage }).finish());
}
