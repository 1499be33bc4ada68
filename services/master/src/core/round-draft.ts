import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell-view';
import { State } from '@berth/shared/model/task-state';
import { initialStatus, reachState } from './job-status.js';
import type { JobDecision } from './reconcile.js';
import type { RoundInput } from './round-types.js';
import { taskIdIn } from './task-changes.js';

/** A round's decisions while they are made, and how much more of them may be written. */
export class RoundDraft {
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #byJob = new Map<string, Map<string, TaskRecord>>();
  readonly statuses = new Map<string, JobStatusRecord>();
  readonly removedTaskIds: string[] = [];
  readonly removedJobIds: string[] = [];
  readonly removedStopIds: string[] = [];
  readonly dueMs = new Map<string, number>();
  readonly placedDueMs = new Map<string, number>();
  readonly placedTaskIds: string[] = [];
  readonly #cell: CellView;
  readonly #nowMs: number;
  readonly #maxWrites: number;

  constructor({ cell, nowMs, maxWrites }: RoundInput) {
    this.#cell = cell;
    this.#nowMs = nowMs;
    this.#maxWrites = maxWrites;
  }

  /** How many more entities may be written. */
  get room(): number {
    const removed = this.removedTaskIds.length + this.removedStopIds.length + this.removedJobIds.length * 2;
    return this.#maxWrites - this.tasks.size - this.statuses.size - removed;
  }

  /** The tasks that change or are new, by id. */
  get tasks(): ReadonlyMap<string, TaskRecord> {
    return this.#tasks;
  }

  /** Those of them that are the job's; undefined where there are none. */
  tasksOf(jobId: string): ReadonlyMap<string, TaskRecord> | undefined {
    return this.#byJob.get(jobId);
  }

  /** Takes a task as it will be, whether or not there is room for it. */
  put(task: TaskRecord): void {
    const id = taskIdIn(task);
    this.#tasks.set(id, task);
    const ofJob = this.#byJob.get(task.jobId);
    if (ofJob === undefined) this.#byJob.set(task.jobId, new Map([[id, task]]));
    else ofJob.set(id, task);
  }

  /** The task as it will be. */
  task(id: string): TaskRecord | undefined {
    return this.tasks.get(id) ?? this.#cell.find('task', id)?.record;
  }

  /** Drops wishes whose tasks are no more, as far as there is room. */
  dropOrphans(stopIds: readonly string[]): void {
    const orphans = stopIds.filter((id) => this.#cell.find('taskStop', id) && !this.#cell.find('task', id));
    this.removedStopIds.push(...orphans.slice(0, Math.max(0, this.room)));
  }

  takeDecision(jobId: string, decision: JobDecision): void {
    for (const task of decision.tasks) this.put(task);
    if (decision.status !== undefined) this.statuses.set(jobId, decision.status);
    this.removedTaskIds.push(...decision.retired.taskIds);
    this.removedStopIds.push(...decision.retired.taskIds.filter((id) => this.#cell.find('taskStop', id)));
    if (decision.retired.job) this.removedJobIds.push(jobId);
    this.dueMs.set(jobId, decision.nextDueMs);
  }

  /** Takes a task that was placed, and what that means for its job; false, and nothing, where there is no room. */
  takePlaced(task: TaskRecord): boolean {
    const { jobId } = task;
    const status = this.#dispatched(jobId);
    const cost =
      (this.tasks.has(taskIdIn(task)) ? 0 : 1) + (status === undefined || this.statuses.has(jobId) ? 0 : 1);
    if (cost > this.room) return false;
    this.put(task);
    if (status !== undefined) this.statuses.set(jobId, status);
    this.placedTaskIds.push(taskIdIn(task));
    this.#bringForward(jobId, task.deadlineAtMs);
    return true;
  }

  /** Takes tasks that were told to stop; false, and none of them, where there is no room. */
  takeStopped(tasks: readonly TaskRecord[]): boolean {
    const cost = tasks.filter((task) => !this.tasks.has(taskIdIn(task))).length;
    if (cost > this.room) return false;
    for (const task of tasks) {
      this.put(task);
      this.#bringForward(task.jobId, task.deadlineAtMs);
    }
    return true;
  }

  /** The job's status, where the placement of a task moves it. */
  #dispatched(jobId: string): JobStatusRecord | undefined {
    const job = this.#cell.find('job', jobId)?.record;
    const stored = this.statuses.get(jobId) ?? this.#cell.find('jobStatus', jobId)?.record;
    const before = stored ?? (job && initialStatus(job));
    const after = before && reachState(before, State.DISPATCHED, this.#nowMs);
    return after === before ? undefined : after;
  }

  #bringForward(jobId: string, deadlineAtMs: number): void {
    const due = this.dueMs.get(jobId);
    if (due !== undefined) this.dueMs.set(jobId, Math.min(due, deadlineAtMs));
    else this.placedDueMs.set(jobId, Math.min(this.placedDueMs.get(jobId) ?? deadlineAtMs, deadlineAtMs));
  }
}
