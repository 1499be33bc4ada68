/*
 * The notifications for subscribers of jobs. For each job its definition comes before its tasks, and
 * `finished` comes last, in the order of the commits. All subscribers share the same notification objects,
 * so each is encoded once.
 */
import { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { CellView } from '@berth/shared/model/cell/cell-view';
import type { Change, CommitChanges } from '@berth/shared/model/cell/change';
import type { Entity } from '@berth/shared/model/cell/entity';
import { isSamePublicTask } from '@berth/shared/model/cell/public-task';
import { jobIdOf } from '@berth/shared/model/cell/task-head';
import { isJobLive } from '@berth/shared/model/job/job';
import type { JobWithTasks } from '../../../gateway/core/job-with-tasks.js';
import type { Conflation } from '../../stream/core/conflation.js';

/** A job exists, or its descriptor has changed. */
interface DefinitionNotification {
  readonly kind: 'definition';
  readonly jobId: string;
  readonly job: Entity<'job'>;
  /** True if the job is new. No other notification about it may precede this one. */
  readonly isFirst: boolean;
}

/** A task exists, or its public state has changed. */
interface TaskNotification {
  readonly kind: 'task';
  readonly jobId: string;
  readonly task: Entity<'task'>;
}

/** The job has ended. It is the last notification about it. */
interface FinishedNotification {
  readonly kind: 'finished';
  readonly jobId: string;
}

export type JobNotification = DefinitionNotification | TaskNotification | FinishedNotification;

/** Shortens the queue of a slow subscriber. */
export const jobConflation: Conflation<JobNotification> = {
  subjectOf: (notification) => {
    switch (notification.kind) {
      case 'definition':
        return `job/${notification.jobId}`;
      case 'task':
        return `task/${notification.task.id}`;
      // Apart from the definition: both must arrive.
      case 'finished':
        return `finished/${notification.jobId}`;
    }
  },
  isOpening: (notification) => notification.kind === 'definition' && notification.isFirst,
  sizeOf: (notification) => {
    switch (notification.kind) {
      case 'definition':
        return notification.job.bytes.length;
      case 'task':
        return notification.task.bytes.length;
      case 'finished':
        return notification.jobId.length;
    }
  },
};

/** The changes of one job by one commit. */
interface JobChanges {
  job?: Change<'job'>;
  status?: Change<'jobStatus'>;
  readonly tasks: Change<'task'>[];
}

/** Returns the notifications of a commit. `view` is the cell just after the commit. */
export function jobNotificationsOf(commit: CommitChanges, view: CellView): readonly JobNotification[] {
  const notifications: JobNotification[] = [];
  for (const [jobId, changes] of changesByJob(commit)) {
    if (wasOver(jobId, changes, view)) continue;
    const definition = definitionNotification(jobId, changes);
    if (definition !== undefined) notifications.push(definition);
    for (const change of changes.tasks) {
      if (isPublicChange(change)) notifications.push({ kind: 'task', jobId, task: change.after });
    }
    if (isOver(jobId, changes, view)) notifications.push({ kind: 'finished', jobId });
  }
  return notifications;
}

function changesByJob(commit: CommitChanges): ReadonlyMap<string, JobChanges> {
  const byJob = new Map<string, JobChanges>();
  const changesOf = (jobId: string): JobChanges => {
    const known = byJob.get(jobId);
    if (known !== undefined) return known;
    const changes: JobChanges = { tasks: [] };
    byJob.set(jobId, changes);
    return changes;
  };
  for (const change of commit.changes) {
    if (change.kind === 'job') changesOf(change.id).job = change;
    else if (change.kind === 'jobStatus') changesOf(change.id).status = change;
    else if (change.kind === 'task') changesOf(jobIdOfChange(change)).tasks.push(change);
  }
  return byJob;
}

function jobIdOfChange(change: Change<'task'>): string {
  const task = change.after ?? change.before;
  return task === undefined ? '' : jobIdOf(task);
}

/** True if `finished` was sent before this commit, or the job is not known at all. */
function wasOver(jobId: string, { job, status }: JobChanges, view: CellView): boolean {
  const existed = job === undefined ? view.find('job', jobId) !== undefined : job.before !== undefined;
  if (!existed) return job?.after === undefined;
  const before = status === undefined ? view.find('jobStatus', jobId) : status.before;
  return !isJobLive(before?.record);
}

function isOver(jobId: string, { job }: JobChanges, view: CellView): boolean {
  const isRemoved = job !== undefined && job.after === undefined;
  return isRemoved || !isJobLive(view.find('jobStatus', jobId)?.record);
}

function definitionNotification(jobId: string, { job }: JobChanges): DefinitionNotification | undefined {
  if (job?.after === undefined) return undefined;
  const isFirst = job.before === undefined;
  if (!isFirst && isSameDescriptor(job.before, job.after)) return undefined;
  return { kind: 'definition', jobId, job: job.after, isFirst };
}

function isSameDescriptor(before: Entity<'job'>, after: Entity<'job'>): boolean {
  return Buffer.compare(descriptorBytes(before), descriptorBytes(after)) === 0;
}

function descriptorBytes({ record }: Entity<'job'>): Uint8Array {
  return record.descriptor === undefined
    ? new Uint8Array()
    : JobDescriptor.encode(record.descriptor).finish();
}

/**
 * True if the task's public message changed. Other fields of its record concern only the master. It
 * compares stored bytes, because nobody else may have needed the decoded record.
 */
export function isPublicChange(
  change: Change<'task'>,
): change is Change<'task'> & { readonly after: Entity<'task'> } {
  const { before, after } = change;
  if (after === undefined) return false;
  return before === undefined || !isSamePublicTask(before, after);
}

/** The job's tasks that fit beside it into one message, and those that must follow on their own. */
interface SplitTasks {
  readonly within: readonly Entity<'task'>[];
  readonly following: readonly Entity<'task'>[];
}

/** Splits the tasks so that the job's first message stays below `maxBytes`; the order is kept. */
export function splitTasks({ job, status, tasks }: JobWithTasks, maxBytes: number): SplitTasks {
  let bytes = job.bytes.length + (status?.bytes.length ?? 0);
  // A task's record is never smaller than its public message.
  const first = tasks.findIndex((task) => {
    bytes += task.bytes.length;
    return bytes > maxBytes;
  });
  return first < 0
    ? { within: tasks, following: [] }
    : { within: tasks.slice(0, first), following: tasks.slice(first) };
}
