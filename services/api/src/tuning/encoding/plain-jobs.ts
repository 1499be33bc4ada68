import { JobChangeNotification } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { composeJob } from '@berth/shared/model/job/job';
import type { JobEncoder } from './job-encoder.js';
import { encoded } from './pending-message.js';

type JobMessage = NonNullable<JobChangeNotification['notification']>;

/** Encodes the decoded records with the generated code. */
export const plainJobs: JobEncoder = {
  definition: ({ id, record: { descriptor: jobDescriptor } }) =>
    encode({ $case: 'jobDefinitionUpdate', value: { id, jobDescriptor } }),
  // The published API misspells the field's name.
  task: ({ record: { task } }) => encode({ $case: 'taskUdate', value: { task } }),
  snapshot: ({ job, status }, tasks) => {
    const records = tasks.map(({ record }) => record);
    return encoded(
      encode({ $case: 'jobSnapshot', value: { job: composeJob(job.record, status?.record, records) } }),
    );
  },
};

function encode(notification: JobMessage): Buffer {
  return Buffer.from(JobChangeNotification.encode({ notification }).finish());
}
