import type { Entity } from '@berth/shared/model/cell/entity';
import type { JobWithTasks } from '../../gateway/core/job-with-tasks.js';
import type { PendingMessage } from './pending-message.js';

/**
 * Encodes the messages of ObserveJob and ObserveJobs that carry stored records:
 * netflix.titus.JobChangeNotification.
 */
export interface JobEncoder {
  /** Returns the message that a job exists or has a new descriptor. */
  definition(job: Entity<'job'>): Buffer;
  /** Returns the message with the present public state of a task. */
  task(task: Entity<'task'>): Buffer;
  /** Returns the first message about a job, with these of its tasks. */
  snapshot(view: JobWithTasks, tasks: readonly Entity<'task'>[]): PendingMessage;
}
