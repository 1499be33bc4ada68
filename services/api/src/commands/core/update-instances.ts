import type { JobDescriptor, TaskInstances } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { instancesOf, jobKind } from '@berth/shared/model/job/job';
import { noStage, stagesOf, withInstances } from '@berth/shared/model/job/stages';
import { checkInstances } from '@berth/shared/model/submission/descriptor-schema';

/**
 * A descriptor after an update, or the violations of the update. An update without a change returns the same
 * object.
 */
export type Updated =
  | {
      readonly descriptor: JobDescriptor;
      /** The stage whose instances have changed. Undefined if none have. */
      readonly stage?: number;
    }
  | { readonly violations: readonly FieldViolation[] };

/** The requested stage and the field of the request that names it. */
export interface StageChoice {
  readonly field: string;
  /** Undefined if the caller names none. */
  readonly stage: number | undefined;
}

const unsaid: StageChoice = { field: 'stage', stage: undefined };

/**
 * Sets the instances of a service job or of one stage of a Mantis job. Fields that the update leaves unset
 * stay.
 */
export function updateInstances(
  descriptor: JobDescriptor,
  update: TaskInstances | undefined,
  choice: StageChoice = unsaid,
): Updated {
  if (jobKind(descriptor) === 'batch')
    return wrong(
      'jobId',
      'names a batch job, whose instances are fixed: only those of services and stages change',
    );
  const chosen = chosenStage(descriptor, choice);
  if ('violations' in chosen) return chosen;
  const { stage } = chosen;
  if (
    update === undefined ||
    [update.min, update.max, update.desired].every((value) => value === undefined)
  ) {
    return wrong('instances', 'is required: set min, max or desired');
  }
  const before = instancesOf(descriptor, stage);
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
  return isSame ? { descriptor } : { descriptor: withInstances(descriptor, stage, instances), stage };
}

type Chosen = { readonly stage: number } | { readonly violations: readonly FieldViolation[] };

/** Returns the requested stage. A job with only one stage needs no name for it. */
function chosenStage(descriptor: JobDescriptor, { field, stage }: StageChoice): Chosen {
  const stages = stagesOf(descriptor);
  const [only] = stages;
  if (stages.length === 1 && only !== undefined && (stage === undefined || stage === only))
    return { stage: only };
  if (only === noStage) return wrongStage(field, `is ${stage}, but the job has no stages`);
  if (stage === undefined)
    return wrongStage(
      field,
      `is required: the job has stages 1 to ${stages.length}, and one of them is meant`,
    );
  if (stages.includes(stage)) return { stage };
  return wrongStage(field, `is ${stage}, but the job has stages 1 to ${stages.length}`);
}

function wrongStage(field: string, description: string): Chosen {
  return { violations: [{ field, description }] };
}

/** Switches the autoscaling of a service job on or off. */
export function updateEnabled(descriptor: JobDescriptor, enabled: boolean): Updated {
  const spec = descriptor.jobSpec;
  if (spec?.$case !== 'service')
    return wrong('id', 'names a job without a switch for scaling: only service jobs have one');
  if (spec.value.enabled === enabled) return { descriptor };
  return { descriptor: { ...descriptor, jobSpec: { $case: 'service', value: { ...spec.value, enabled } } } };
}

function wrong(field: string, description: string): Updated {
  return { violations: [{ field, description }] };
}
