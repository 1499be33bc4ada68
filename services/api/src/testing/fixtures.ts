import {
  type DeepPartial,
  JobDescriptor,
  type MantisJobSpec,
} from '@berth/shared/gen/netflix/titus/titus_job_api';

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

/** A Mantis job of two stages of one task each, with the given parts of its spec instead of its own. */
export function aMantisJob(spec: DeepPartial<MantisJobSpec> = {}): JobDescriptor {
  const image = { name: 'busybox:1' };
  const stages = [{ containerId: 'first' }, { containerId: 'second' }];
  return aBatchJob({
    containers: { first: { image }, second: { image } },
    jobSpec: { $case: 'mantis', value: { name: 'pipeline', jobSLA: {}, stages, ...spec } },
  });
}
