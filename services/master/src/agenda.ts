import type { CellView } from '@berth/shared/model/cell-view';
import type { AnyChange, CommitChanges } from '@berth/shared/model/change';
import { isJobLive } from '@berth/shared/model/job';
import { isTaskLive, State, taskState } from '@berth/shared/model/task-state';
import { AgentLedger } from './agent-ledger.js';
import { isAgentAlive } from './core/job-view.js';
import { DueQueue } from './due-queue.js';

/**
 * What the master has to look at: touched jobs, due times and the queue, all derived from the replica and kept current
 * change by change. Thrown away with the leadership, and made anew from the replica with the next.
 */
export class Agenda {
  readonly ledger: AgentLedger;
  readonly due = new DueQueue();
  readonly #cell: CellView;
  readonly #touched = new Set<string>();
  readonly #queued = new Set<string>();
  readonly #finished = new Set<string>();
  #queueNews = true;
  #agentNews = true;

  constructor(cell: CellView) {
    this.#cell = cell;
    this.ledger = new AgentLedger(cell);
    for (const { id } of cell.all('job')) this.#touched.add(id);
    for (const { id, record } of cell.all('task')) if (taskState(record) === State.QUEUED) this.#queued.add(id);
    for (const { id, record } of cell.all('jobStatus')) if (!isJobLive(record)) this.#finished.add(id);
  }

  /** Notes what a commit means for the rounds to come. */
  take(commit: CommitChanges): void {
    for (const change of commit.changes) this.#takeChange(change);
  }

  touch(jobIds: Iterable<string>): void {
    for (const id of jobIds) this.#touched.add(id);
  }

  /** Says that waiting tasks may find room now. */
  retryQueue(): void {
    this.#queueNews = true;
  }

  hasWork(nowMs: number): boolean {
    return this.#touched.size > 0 || (this.#queueNews && this.#queued.size > 0) || this.due.nextMs() <= nowMs;
  }

  /** The jobs to look at now: touched ones and due ones. */
  takeJobs(nowMs: number): readonly string[] {
    for (const id of this.due.takeDue(nowMs)) this.#touched.add(id);
    const jobs = [...this.#touched];
    this.#touched.clear();
    return jobs;
  }

  /** The queue, where anything has changed for it since last time; otherwise nothing. */
  takeQueue(): ReadonlySet<string> {
    const queue = this.#queueNews ? this.#queued : new Set<string>();
    this.#queueNews = false;
    return queue;
  }

  /** Whether agents have come or gone since last asked. */
  takeAgentNews(): boolean {
    const news = this.#agentNews;
    this.#agentNews = false;
    return news;
  }

  /** The oldest finished jobs beyond `keep`; they are touched. */
  surplusFinished(keep: number): ReadonlySet<string> {
    const surplus = this.#finished.size - keep;
    if (surplus <= 0) return new Set();
    const oldest = new Set([...this.#finished].slice(0, Math.min(surplus, maxSurplusPerRound)));
    this.touch(oldest);
    return oldest;
  }

  get queueLength(): number {
    return this.#queued.size;
  }

  #takeChange(change: AnyChange): void {
    switch (change.kind) {
      case 'job':
        if (change.after === undefined) this.#forgetJob(change.id);
        else this.#touched.add(change.id);
        return;
      case 'jobStatus':
        if (change.after !== undefined && !isJobLive(change.after.record)) this.#finished.add(change.id);
        return;
      case 'task':
        return this.#takeTask(change.id, change.before?.record, change.after?.record);
      case 'taskStop':
        if (change.after !== undefined) this.#touchJobOf(change.id);
        return;
      case 'agent':
      case 'agentStatus':
        return this.#takeAgent(change.id);
      case 'cluster':
        return;
    }
  }

  #takeTask(id: string, ...[before, after]: Parameters<AgentLedger['update']>): void {
    this.ledger.update(before, after);
    if (after !== undefined && taskState(after) === State.QUEUED) this.#queued.add(id);
    else this.#queued.delete(id);
    const freed = before !== undefined && before.agentId !== '' && isTaskLive(before);
    if (freed && (after === undefined || !isTaskLive(after))) this.#queueNews = true;
  }

  #touchJobOf(taskId: string): void {
    const jobId = this.#cell.find('task', taskId)?.record.jobId;
    if (jobId !== undefined) this.#touched.add(jobId);
  }

  #takeAgent(agentId: string): void {
    this.#queueNews = true;
    this.#agentNews = true;
    if (!isAgentAlive(this.#cell, agentId)) this.touch(this.ledger.jobsOn(agentId));
  }

  #forgetJob(jobId: string): void {
    this.#touched.delete(jobId);
    this.#finished.delete(jobId);
    this.due.set(jobId, Infinity);
  }
}

/** Surplus finished jobs that leave in one round at most. */
const maxSurplusPerRound = 50;
