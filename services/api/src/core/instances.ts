import type { JobDescriptor, TaskInstances } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors';
import { instancesOf } from '@berth/shared/model/job';
import { checkInstances } from './descriptor-schema.js';

/** A descriptor after an update, or what is wrong with the update. `descriptor` is the same object where nothing changes. */
export type Updated =
  | { readonly descriptor: JobDescriptor }
  | { readonly violations: readonly FieldViolation[] };

/** Sets the instances of a service job; what the update leaves unset stays. */
export function updateInstances(descriptor: JobDescriptor, update: TaskInstances | undefined): Updated {
  const spec = descriptor.jobSpec;
  if (spec?.$case !== 'service')
    return wrong('jobId', 'names a job whose instances are fixed: only those of a service job change');
  if (
    update === undefined ||
    [update.min, update.max, update.desired].every((value) => value === undefined)
  ) {
    return wrong('instances', 'is required: set min, max or desired');
  }
  const before = instancesOf(descriptor);
  const instances = {
    min: update.min ?? before.min,
    max: update.max ?? before.max,
    desired: update.desired ?? before.desired,
  };
  const violations: FieldViolation[] = [];
  checkInstances(instances, (path, description) => violations.push({ field: path.join('.'), description }));
  if (violations.length > 0) return { violations };
  const isSame =
    before.min === instances.min && before.max === instances.max && before.desired === instances.desired;
  if (isSame) return { descriptor };
  return {
    descriptor: { ...descriptor, jobSpec: { $case: 'service', value: { ...spec.value, instances } } },
  };
}

/** Switches the autoscaling of a service job on or off. */
export function updateEnabled(descriptor: JobDescriptor, enabled: boolean): Updated {
  const spec = descriptor.jobSpec;
  if (spec?.$case !== 'service')
    return wrong('id', 'names a job that is not autoscaled: only service jobs are');
  if (spec.value.enabled === enabled) return { descriptor };
  return { descriptor: { ...descriptor, jobSpec: { $case: 'service', value: { ...spec.value, enabled } } } };
}

function wrong(field: string, description: string): Updated {
  return { violations: [{ field, description }] };
}
