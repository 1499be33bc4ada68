import type { Entity } from '@berth/shared/model/cell/entity';
import { isJobLive } from '@berth/shared/model/job/job';
import type { PointInTime } from './point-in-time.js';

/** A job as a subscriber first sees it. The entities are immutable, so holding on to them is a snapshot. */
export interface JobWithTasks {
  readonly job: Entity<'job'>;
  readonly status?: Entity<'jobStatus'> | undefined;
  readonly tasks: readonly Entity<'task'>[];
}

/** The job with its tasks, live or finished; undefined where the view has none of that id. */
export function findJobWithTasks(view: PointInTime, jobId: string): JobWithTasks | undefined {
  const job = view.find('job', jobId);
  if (job === undefined) return undefined;
  return { job, status: view.find('jobStatus', jobId), tasks: view.tasksOf(jobId) };
}

/** All live jobs, in the order in which they were created, looked up as they are taken. */
export function* liveJobs(moment: PointInTime): Generator<JobWithTasks, void> {
  for (const { id } of moment.all('job')) {
    const job = findJobWithTasks(moment, id);
    if (job !== undefined && isJobLive(job.status?.record)) yield job;
  }
}
