import {
  ObservedKind,
  type ObserveResponse_Change,
  type ObserveResponse_Commit,
} from '@berth/shared/gen/berth/v1/observe_service';
import type { JobRecord, JobStatusRecord } from '@berth/shared/gen/berth/v1/store';
import {
  type JobChangeNotification,
  JobDescriptor,
  type Task,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { composeJob, isJobLive } from '@berth/shared/model/job/job';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import type { CellEvent } from './resume-point.js';

type JobNotification = NonNullable<JobChangeNotification['notification']>;

interface SnapshotJob {
  readonly job: JobRecord;
  status?: JobStatusRecord;
  readonly tasks: Task[];
}

/**
 * Converts the events of a cell into messages of netflix.titus.JobChangeNotification: a snapshot of each live
 * job, then `snapshotEnd`. After that each job sends its definition before its tasks, and `jobFinished` last.
 */
export class JobEventAdapter {
  /** The encoded descriptor of each live job. */
  readonly #live = new Map<string, Uint8Array>();
  /** Jobs whose end was sent, or came before the snapshot. */
  readonly #finished = new Set<string>();
  /** A digest of the last message of each task. It recognises changes of fields that messages do not hold. */
  readonly #sentDigests = new Map<string, number>();
  #snapshot = new Map<string, SnapshotJob>();
  /**
   * The revision that ended each job. The end of a job is sent when all changes up to that revision have
   * come.
   */
  readonly #ending = new Map<string, number>();
  /** Tasks that came out of turn, before their job did; by job. */
  readonly #early = new Map<string, Map<string, Task>>();

  /** Returns the messages that follow from the event. */
  messagesOf(event: CellEvent): readonly JobChangeNotification[] {
    switch (event.$case) {
      case 'snapshot':
        for (const { change } of event.value.entities) this.#addToSnapshot(change);
        return [];
      case 'snapshotEnd':
        return [...this.#endSnapshot(), message({ $case: 'snapshotEnd', value: {} })];
      case 'commits':
        return event.value.commits.flatMap((commit) => this.#commitMessages(commit));
      case 'bookmark':
        this.#forgetEarly();
        return this.#endMessages(event.value.position?.revision ?? 0);
      case 'reset':
        this.#live.clear();
        this.#finished.clear();
        this.#sentDigests.clear();
        this.#snapshot.clear();
        this.#ending.clear();
        this.#early.clear();
        return [];
      default:
        return [];
    }
  }

  #addToSnapshot(change: ObserveResponse_Change['change']): void {
    switch (change?.$case) {
      case 'job':
        this.#snapshot.set(change.value.id, { job: change.value, tasks: [] });
        return;
      case 'jobStatus': {
        const known = this.#snapshot.get(change.value.jobId);
        if (known !== undefined) known.status = change.value;
        return;
      }
      case 'task':
        this.#sentDigests.set(change.value.id, digestOf(change.value));
        this.#snapshot.get(jobIdOfTask(change.value.id))?.tasks.push(change.value);
        return;
      default:
        return;
    }
  }

  #endSnapshot(): readonly JobChangeNotification[] {
    const jobs = this.#snapshot;
    this.#snapshot = new Map();
    return [...jobs.values()].flatMap(({ job, status, tasks }) => {
      if (!isJobLive(status)) {
        this.#finished.add(job.id);
        return [];
      }
      this.#live.set(job.id, descriptorBytes(job));
      return [message({ $case: 'jobSnapshot', value: { job: { ...composeJob(job, status, []), tasks } } })];
    });
  }

  #commitMessages({
    revision,
    changes,
    incomplete,
  }: ObserveResponse_Commit): readonly JobChangeNotification[] {
    const definitions: JobNotification[] = [];
    const tasks: JobNotification[] = [];
    for (const { change } of changes) {
      if (change?.$case === 'job') definitions.push(...this.#definitionNotifications(change.value));
      else if (change?.$case === 'task') tasks.push(...this.#taskNotifications(change.value));
      else if (change?.$case === 'jobStatus' && !isJobLive(change.value))
        this.#ending.set(change.value.jobId, revision);
      else if (change?.$case === 'removed') this.#remove(change.value.kind, change.value.id, revision);
    }
    const messages = [...definitions, ...tasks].map(message);
    return incomplete ? messages : [...messages, ...this.#endMessages(revision)];
  }

  #definitionNotifications(job: JobRecord): readonly JobNotification[] {
    const bytes = descriptorBytes(job);
    const known = this.#live.get(job.id);
    const isOver = this.#finished.has(job.id);
    if (isOver || (known !== undefined && Buffer.compare(known, bytes) === 0)) return [];
    this.#live.set(job.id, bytes);
    const early = [...(this.#early.get(job.id)?.values() ?? [])];
    this.#early.delete(job.id);
    return [
      { $case: 'jobDefinitionUpdate', value: { id: job.id, jobDescriptor: job.descriptor } },
      ...early.map((task): JobNotification => ({ $case: 'taskUdate', value: { task } })),
    ];
  }

  #taskNotifications(task: Task): readonly JobNotification[] {
    const digest = digestOf(task);
    const isKnown = this.#sentDigests.get(task.id) === digest;
    this.#sentDigests.set(task.id, digest);
    // A finished job sends no more of its tasks.
    const jobId = jobIdOfTask(task.id);
    const isRelevant = !isKnown && !this.#finished.has(jobId);
    if (isRelevant && !this.#live.has(jobId)) {
      const early = this.#early.get(jobId) ?? new Map<string, Task>();
      this.#early.set(jobId, early.set(task.id, task));
      return [];
    }
    return isRelevant ? [{ $case: 'taskUdate', value: { task } }] : [];
  }

  #remove(kind: ObservedKind, id: string, revision: number): void {
    if (kind === ObservedKind.TASK) this.#sentDigests.delete(id);
    if (kind !== ObservedKind.JOB) return;
    this.#early.delete(id);
    if (this.#live.has(id)) this.#ending.set(id, revision);
    else this.#finished.delete(id);
  }

  /**
   * Forgets early tasks when all jobs have come. The job of a remaining task is gone, and subscribers never
   * hear of it.
   */
  #forgetEarly(): void {
    for (const tasks of this.#early.values()) for (const id of tasks.keys()) this.#sentDigests.delete(id);
    this.#early.clear();
  }

  /** Ends the jobs of all revisions up to this one. */
  #endMessages(upTo: number): readonly JobChangeNotification[] {
    const ending = [...this.#ending].filter(([, revision]) => revision <= upTo);
    return ending.flatMap(([id]) => {
      this.#ending.delete(id);
      if (this.#finished.has(id)) return [];
      this.#live.delete(id);
      this.#finished.add(id);
      return [message({ $case: 'jobFinished', value: { id } })];
    });
  }
}

function message(notification: JobNotification): JobChangeNotification {
  return { notification };
}

function descriptorBytes({ descriptor }: JobRecord): Uint8Array {
  return descriptor === undefined ? new Uint8Array() : JobDescriptor.encode(descriptor).finish();
}

/** Computes an FNV-1a digest. Two states of a task share it by an accident in some thousand million. */
function digestOf({ state, stateChanges, taskContext }: Task): number {
  const text = JSON.stringify([
    state?.state,
    state?.reason,
    stateChanges.length,
    Object.entries(taskContext).sort(),
  ]);
  let digest = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1)
    digest = Math.imul(digest ^ text.charCodeAt(index), 0x01000193);
  return digest;
}
