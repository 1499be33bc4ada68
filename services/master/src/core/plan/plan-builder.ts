import type { AgentStatusRecord, JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { State } from '@berth/shared/model/task/task-state';
import { initialStatus, reachState } from '../reconcile/job-status.js';
import type { JobDecision } from '../reconcile/reconcile.js';
import { failedElsewhere, launchOutcome, withLaunch } from '../task/launch-outcome.js';
import type { Agents, RoundInput } from './round-types.js';

/** The job, its status, and the record of its cluster's last runs. */
const writesPerRemovedJob = 3;

/** The plan of a round while it is made, with the number of writes that are left. */
export class PlanBuilder {
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #byJob = new Map<string, Map<string, TaskRecord>>();
  readonly statuses = new Map<string, JobStatusRecord>();
  /** Of agents with launches that worked or failed. */
  readonly agentStatuses = new Map<string, AgentStatusRecord>();
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

  constructor({ cell, nowMs, maxWrites, agents }: RoundInput) {
    this.#agents = agents;
    this.#cell = cell;
    this.#nowMs = nowMs;
    this.#maxWrites = maxWrites;
  }

  /** The number of entities that may still be written. */
  get writesLeft(): number {
    const ofJobs = this.removedJobIds.length * writesPerRemovedJob;
    const removed = this.removedTaskIds.length + this.removedStopIds.length + ofJobs;
    return this.#maxWrites - this.tasks.size - this.statuses.size - this.agentStatuses.size - removed;
  }

  /** The tasks that change or are new, by id. */
  get tasks(): ReadonlyMap<string, TaskRecord> {
    return this.#tasks;
  }

  /** Returns the job's tasks that change or are new, by id; undefined if there are none. */
  tasksOf(jobId: string): ReadonlyMap<string, TaskRecord> | undefined {
    return this.#byJob.get(jobId);
  }

  /** Takes a task as it will be, even beyond the limit of writes. */
  put(task: TaskRecord): void {
    const id = taskIdOf(task);
    this.#tasks.set(id, task);
    const ofJob = this.#byJob.get(task.jobId);
    if (ofJob === undefined) this.#byJob.set(task.jobId, new Map([[id, task]]));
    else ofJob.set(id, task);
  }

  /** Returns the task as it will be. */
  task(id: string): TaskRecord | undefined {
    return this.#tasks.get(id) ?? this.#cell.find('task', id)?.record;
  }

  /** Notes the outcome of a launch in the status of the agent, if the change of the task decides it. */
  noteLaunch(before: TaskRecord, after: TaskRecord, report?: Parameters<typeof launchOutcome>[2]): void {
    const outcome = launchOutcome(before, after, report);
    if (outcome === undefined) return;
    if (outcome === 'failed' && failedElsewhere(after, this.allOf(after.jobId))) return;
    const { agentId } = before;
    const agent = this.#cell.find('agent', agentId)?.record;
    const status = this.agentStatuses.get(agentId) ?? this.#cell.find('agentStatus', agentId)?.record;
    if (agent === undefined || status === undefined) return;
    const changed = withLaunch(status, agent, { outcome, task: after });
    if (changed !== status) this.agentStatuses.set(agentId, changed);
  }

  /** Returns the stored tasks of the job as they will be. */
  *allOf(jobId: string): Iterable<TaskRecord> {
    for (const { id, record } of this.#cell.tasksOf(jobId)) yield this.#tasks.get(id) ?? record;
  }

  /** Removes stop requests of tasks that are gone, within the limit of writes. */
  dropOrphans(stopIds: readonly string[]): void {
    const orphans = stopIds.filter((id) => this.#cell.find('taskStop', id) && !this.#cell.find('task', id));
    this.removedStopIds.push(...orphans.slice(0, Math.max(0, this.writesLeft)));
  }

  takeDecision(jobId: string, decision: JobDecision): void {
    for (const task of decision.tasks) {
      const before = this.task(taskIdOf(task));
      if (before !== undefined) this.noteLaunch(before, task);
      this.put(task);
    }
    if (decision.status !== undefined) this.statuses.set(jobId, decision.status);
    this.removedTaskIds.push(...decision.retired.taskIds);
    this.removedStopIds.push(...decision.retired.taskIds.filter((id) => this.#cell.find('taskStop', id)));
    if (decision.retired.job) this.removedJobIds.push(jobId);
    this.dueMs.set(jobId, decision.nextDueMs);
  }

  /**
   * True if a live task on an agent is ordered to stop. It is called very often: it does not read the record.
   */
  isStopping(id: string): boolean {
    const changed = this.#tasks.get(id);
    return changed === undefined ? this.#agents.stopping.has(id) : changed.stop !== undefined;
  }

  /**
   * Takes a task that was placed together with the victims that it preempts, and the effect on its job. Takes
   * nothing and returns false if the round cannot write all of that: a placement and its orders to stop are
   * one commit.
   */
  takePlaced(task: TaskRecord, victims: readonly TaskRecord[] = []): boolean {
    const { jobId } = task;
    const status = this.#dispatched(jobId);
    const changed = [task, ...victims.filter((victim) => victim !== this.task(taskIdOf(victim)))];
    const cost =
      changed.filter((each) => !this.tasks.has(taskIdOf(each))).length +
      (status === undefined || this.statuses.has(jobId) ? 0 : 1);
    if (cost > this.writesLeft) return false;
    for (const each of changed) {
      this.put(each);
      this.#bringForward(each.jobId, each.deadlineAtMs);
    }
    if (status !== undefined) this.statuses.set(jobId, status);
    this.placedTaskIds.push(taskIdOf(task));
    return true;
  }

  /** Returns the job's status, if the placement of a task moves it. */
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
