import { AgentLedger } from '@berth/scheduler';
import type { JobStatusRecord, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { isAgentAlive } from '@berth/shared/model/cell/agent';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { AnyChange, CommitChanges } from '@berth/shared/model/cell/change';
import type { Entity } from '@berth/shared/model/cell/entity';
import { isJobLive } from '@berth/shared/model/job/job';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';
import { masterActor } from '../commit/leader-committer.js';
import type { Queue } from '../core/plan/round-types.js';
import { WaitingTasks } from '../core/plan/waiting-tasks.js';
import { DueQueue } from '../primitives/due-queue.js';

/** Surplus finished jobs, or orphaned stop requests, that leave in one round at most. */
const maxRemovedPerRound = 50;

/**
 * The work of the rounds to come: touched jobs, due times and the queue. All of it is derived from the
 * replica and kept current change by change. It ends with the leadership; the next leader makes it anew from
 * the replica.
 */
export class PendingWork {
  readonly ledger: AgentLedger;
  readonly due = new DueQueue();
  readonly #cell: CellView;
  readonly #maxFinishedJobs: number;
  readonly #touched = new Set<string>();
  readonly #waiting = new WaitingTasks();
  /** Oldest first. */
  readonly #finished = new Set<string>();
  readonly #orphanStops = new Set<string>();
  #queueChanged = true;
  #queueDueMs = Number.POSITIVE_INFINITY;

  /** Beyond `maxFinishedJobs` the oldest finished jobs leave the replica before their time. */
  constructor(cell: CellView, maxFinishedJobs: number, { countsGroups = false } = {}) {
    this.#cell = cell;
    this.#maxFinishedJobs = maxFinishedJobs;
    this.ledger = new AgentLedger(cell, { countsGroups });
    for (const { id } of cell.all('job')) this.#touched.add(id);
    for (const { record } of cell.all('task'))
      if (taskState(record) === State.QUEUED) this.#waiting.add(record);
    for (const { id } of cell.all('taskStop')) this.#takeStop(id);
    const statuses = [...cell.all('jobStatus')].map(({ record }) => record);
    for (const status of statuses.sort((a, b) => a.finishedAtMs - b.finishedAtMs))
      this.#takeStatus(status.jobId, status);
  }

  /** Takes in the changes of a commit. */
  take(commit: CommitChanges): void {
    for (const change of commit.changes) {
      this.#takeChange(change);
      // Somebody else has written the task, or the store was set back: the job must be reconciled again.
      if (change.kind === 'task' && commit.actor !== masterActor)
        this.#touchJob(change.after ?? change.before);
    }
  }

  /** Has the jobs reconciled in the next round. */
  touch(jobIds: Iterable<string>): void {
    for (const id of jobIds) this.#touched.add(id);
  }

  /** Has the waiting tasks placed again in the next round. */
  retryQueue(): void {
    this.#queueChanged = true;
  }

  /** Has the waiting tasks placed again at that time, though nothing changes; an earlier time stands. */
  retryQueueAt(atMs: number): void {
    this.#queueDueMs = Math.min(this.#queueDueMs, atMs);
  }

  /** Returns the time of the next work that comes without a change; Infinity: never. */
  nextMs(): number {
    const dueMs = this.due.nextMs();
    return this.#waiting.size === 0 ? dueMs : Math.min(dueMs, this.#queueDueMs, this.ledger.nextTrialMs());
  }

  hasWork(nowMs: number): boolean {
    return (
      this.#touched.size > 0 ||
      (this.#queueChanged && this.#waiting.size > 0) ||
      this.#finished.size > this.#maxFinishedJobs ||
      this.#orphanStops.size > 0 ||
      this.nextMs() <= nowMs
    );
  }

  /** Takes out the jobs to reconcile now: touched ones and due ones. */
  takeJobs(nowMs: number): readonly string[] {
    for (const id of this.due.takeDue(nowMs)) this.#touched.add(id);
    const jobs = [...this.#touched];
    this.#touched.clear();
    return jobs;
  }

  /** Returns the queue, and notes that it is placed now. */
  takeQueue(nowMs: number): Queue {
    const isDue = this.#queueDueMs <= nowMs;
    if (isDue) this.#queueDueMs = Number.POSITIVE_INFINITY;
    const isTried = this.ledger.advance(nowMs);
    const hasChanges = this.#queueChanged || isDue || isTried;
    this.#queueChanged = false;
    return { waiting: this.#waiting, hasChanges };
  }

  /** Returns the stop requests of tasks that are gone. */
  orphanStops(): readonly string[] {
    const isOrphan = (id: string) =>
      this.#cell.find('taskStop', id) !== undefined && this.#cell.find('task', id) === undefined;
    for (const id of this.#orphanStops) if (!isOrphan(id)) this.#orphanStops.delete(id);
    return firstOf(this.#orphanStops, maxRemovedPerRound);
  }

  /** Returns the oldest of the finished jobs that are too many, and touches them. */
  surplusFinished(): ReadonlySet<string> {
    const surplus = Math.max(0, this.#finished.size - this.#maxFinishedJobs);
    const oldest = new Set(firstOf(this.#finished, Math.min(surplus, maxRemovedPerRound)));
    this.touch(oldest);
    return oldest;
  }

  get queueLength(): number {
    return this.#waiting.size;
  }

  #takeChange(change: AnyChange): void {
    switch (change.kind) {
      case 'job':
        if (change.after === undefined) this.#forgetJob(change.id);
        else this.#touched.add(change.id);
        return;
      case 'jobStatus':
        return this.#takeStatus(change.id, change.after?.record);
      case 'task':
        return this.#takeTask(change.id, change.before?.record, change.after?.record);
      case 'taskStop':
        if (change.after === undefined) this.#orphanStops.delete(change.id);
        else this.#takeStop(change.id);
        return;
      case 'agent':
      case 'agentStatus':
      case 'agentDrain':
        return this.#takeAgent(change.id);
      case 'cluster':
      case 'clusterStatus':
      case 'clusterRuns':
      case 'jobScaling':
        return;
    }
  }

  #takeTask(id: string, before: TaskRecord | undefined, after: TaskRecord | undefined): void {
    this.ledger.update(before, after);
    if (after !== undefined && taskState(after) === State.QUEUED) this.#waiting.add(after);
    else this.#waiting.remove(id);
    const held = before !== undefined && before.agentId !== '' && isTaskLive(before);
    if (held && (after === undefined || !isTaskLive(after))) this.#queueChanged = true;
    if (after === undefined && this.#cell.find('taskStop', id) !== undefined) this.#orphanStops.add(id);
  }

  #takeStatus(jobId: string, status: JobStatusRecord | undefined): void {
    const isFinished =
      status !== undefined && !isJobLive(status) && this.#cell.find('job', jobId) !== undefined;
    if (isFinished) this.#finished.add(jobId);
    else this.#finished.delete(jobId);
  }

  #takeStop(taskId: string): void {
    const task = this.#cell.find('task', taskId)?.record;
    if (task !== undefined) this.#touched.add(task.jobId);
    else this.#orphanStops.add(taskId);
  }

  #touchJob(task: Entity<'task'> | undefined): void {
    if (task !== undefined) this.#touched.add(task.record.jobId);
  }

  #takeAgent(agentId: string): void {
    this.#queueChanged = true;
    this.ledger.updateAgent(agentId);
    const mayLoseTasks =
      !isAgentAlive(this.#cell, agentId) || this.#cell.find('agentDrain', agentId) !== undefined;
    if (mayLoseTasks) this.touch(this.ledger.jobsOn(agentId));
  }

  #forgetJob(jobId: string): void {
    this.ledger.forgetJob(jobId);
    this.#touched.delete(jobId);
    this.#finished.delete(jobId);
    this.due.set(jobId, Number.POSITIVE_INFINITY);
  }
}

function firstOf(ids: Iterable<string>, count: number): readonly string[] {
  const first: string[] = [];
  if (count <= 0) return first;
  for (const id of ids) {
    first.push(id);
    if (first.length >= count) break;
  }
  return first;
}
