import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { isTaskLive, State } from '@berth/shared/model/task/task-state';
import { initialStatus, reachState } from './job-status.js';
import { leaveRoomTo } from './leave-room.js';
import type { Limits } from './limits.js';
import type { JobDecision } from './reconcile.js';
import type { Agents, RoundInput } from './round-types.js';
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
  readonly #agents: Agents;
  readonly #limits: Limits;
  /** Stored tasks that were looked at and have to leave their room. */
  readonly #leaving = new Map<string, TaskRecord>();

  constructor({ cell, nowMs, maxWrites, agents, limits }: RoundInput) {
    this.#agents = agents;
    this.#limits = limits;
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

  /** Tasks of the job as they will be or are, where that is not what their own records tell; undefined: all are that. */
  tasksOf(jobId: string): ReadonlyMap<string, TaskRecord> | undefined {
    const changed = this.#byJob.get(jobId);
    let differing: Map<string, TaskRecord> | undefined;
    for (const id of this.#agents.successions.leaving(jobId)) {
      const task = changed?.has(id) ? undefined : this.task(id);
      if (task !== undefined) differing = (differing ?? new Map(changed)).set(id, task);
    }
    return differing ?? changed;
  }

  /**
   * Stored tasks of the job that have to leave their room to none but tasks that have ended. Agents have no assignments of
   * these any more: only the records of those that leave can tell them, also after a restart. Undefined where there are none.
   */
  untoldOf(jobId: string): ReadonlySet<string> | undefined {
    const { successions } = this.#agents;
    let untold: Set<string> | undefined;
    for (const id of successions.leaving(jobId)) {
      if (this.#cell.find('task', id)?.record.stop !== undefined || this.#tasks.has(id)) continue;
      if (!successions.someSuccessor(id, (other) => this.#isLive(other)))
        untold = (untold ?? new Set()).add(id);
    }
    return untold;
  }

  #isLive(id: string): boolean {
    const task = this.#tasks.get(id) ?? this.#cell.find('task', id)?.record;
    return task !== undefined && isTaskLive(task);
  }

  /** Takes a task as it will be, whether or not there is room for it. */
  put(task: TaskRecord): void {
    const id = taskIdIn(task);
    this.#tasks.set(id, task);
    const ofJob = this.#byJob.get(task.jobId);
    if (ofJob === undefined) this.#byJob.set(task.jobId, new Map([[id, task]]));
    else ofJob.set(id, task);
  }

  /** The task as it will be; one that has to leave its room is told to stop, though its own record does not say so yet. */
  task(id: string): TaskRecord | undefined {
    const known = this.tasks.get(id) ?? this.#leaving.get(id);
    if (known !== undefined) return known;
    const stored = this.#cell.find('task', id)?.record;
    const { successions } = this.#agents;
    const successor = successions.has(id) ? successions.successorOf(id) : undefined;
    if (stored === undefined || successor === undefined) return stored;
    const told = leaveRoomTo(stored, successor, this.#limits);
    this.#leaving.set(id, told);
    return told;
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

  /** Whether a live task on an agent is told to stop. Asked of very many: no look into its record. */
  isStopping(id: string): boolean {
    const changed = this.#tasks.get(id);
    if (changed !== undefined) return changed.stop !== undefined;
    const { stopping, successions } = this.#agents;
    return stopping.has(id) || successions.has(id);
  }

  /**
   * Takes a task that was placed, and what that means for its job; false, and nothing, where there is no room. Those that
   * leave their room to it are not written: that it waits for them says that they have to.
   */
  takePlaced(task: TaskRecord, leaving: readonly TaskRecord[] = []): boolean {
    const { jobId } = task;
    const status = this.#dispatched(jobId);
    const cost =
      (this.tasks.has(taskIdIn(task)) ? 0 : 1) + (status === undefined || this.statuses.has(jobId) ? 0 : 1);
    if (cost > this.room) return false;
    this.put(task);
    for (const each of [task, ...leaving]) this.#bringForward(each.jobId, each.deadlineAtMs);
    if (status !== undefined) this.statuses.set(jobId, status);
    this.placedTaskIds.push(taskIdIn(task));
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
