import { type DeepPartial, JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';

/** A batch job of one task that is valid as it is, with the given fields instead of its own. */
export function aBatchJob(fields: DeepPartial<JobDescriptor> = {}): JobDescriptor {
  return JobDescriptor.fromPartial({
    owner: { ownerEmail: 'ada@example.org', teamEmail: 'engines@example.org' },
    containers: { main: { image: { name: 'busybox:1' } } },
    jobSpec: { $case: 'batch', value: {} },
    ...fields,
  });
}

/** A service job of one task that is valid as it is, with the given fields instead of its own. */
export function aServiceJob(fields: DeepPartial<JobDescriptor> = {}): JobDescriptor {
  return aBatchJob({ jobSpec: { $case: 'service', value: {} }, ...fields });
}
