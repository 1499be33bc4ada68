/* Notifications of jobs as messages: netflix.titus.JobChangeNotification. */
import { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { JobEncoder } from '../../tuning/encoding/job-encoder.js';
import type { Packing } from '../stream/message-packing.js';
import type { JobNotification } from './core/job-notifications.js';

/**
 * Returns the notification's bytes. They are not kept: encoding costs less than looking up earlier bytes,
 * and all subscribers that share a batch share its bursts.
 */
export function notificationBytes(notification: JobNotification, encoder: JobEncoder): Buffer {
  switch (notification.kind) {
    case 'definition':
      return encoder.definition(notification.job);
    case 'task':
      return encoder.task(notification.task);
    case 'finished':
      return encode({ $case: 'jobFinished', value: { id: notification.jobId } });
  }
}

const packings = new WeakMap<JobEncoder, Packing<JobNotification>>();

/**
 * Returns the packing of all streams of jobs. It must be the same object for all of them, since they share
 * their bursts by it.
 */
export function jobPacking(encoder: JobEncoder): Packing<JobNotification> {
  const known = packings.get(encoder);
  if (known !== undefined) return known;
  const packing = (notification: JobNotification) => notificationBytes(notification, encoder);
  packings.set(encoder, packing);
  return packing;
}

export const snapshotEndBytes: Buffer = encode({ $case: 'snapshotEnd', value: {} });

function encode(notification: NonNullable<JobChangeNotification['notification']>): Buffer {
  return Buffer.from(JobChangeNotification.encode({ notification }).finish());
}
