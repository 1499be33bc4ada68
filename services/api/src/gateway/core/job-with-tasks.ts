import type { Entity } from '@berth/shared/model/cell/entity';
import { isJobLive } from '@berth/shared/model/job/job';
import type { PointInTime } from './point-in-time.js';

/** A job with its state and its tasks. The entities are immutable, so whoever holds them has a snapshot. */
export interface JobWithTasks {
  readonly job: Entity<'job'>;
  readonly status?: Entity<'jobStatus'> | undefined;
  readonly tasks: readonly Entity<'task'>[];
}

/** Returns the live or finished job with its tasks; undefined if the view has no job with that id. */
export function findJobWithTasks(view: PointInTime, jobId: string): JobWithTasks | undefined {
  const job = view.find('job', jobId);
  if (job === undefined) return undefined;
  return { job, status: view.find('jobStatus', jobId), tasks: view.tasksOf(jobId) };
}

/** Returns all live jobs in the order of creation. The view is read step by step as the caller takes them. */
export function* liveJobs(view: PointInTime): Generator<JobWithTasks, void> {
  for (const { id } of view.all('job')) {
    const job = findJobWithTasks(view, id);
    if (job !== undefined && isJobLive(job.status?.record)) yield job;
  }
}
