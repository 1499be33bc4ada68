import type {
  BatchJobSpec,
  JobDescriptor,
  MantisStage,
  ServiceJobSpec,
  TaskInstances,
} from '../../gen/netflix/titus/titus_job_api.js';

/**
 * The number of tasks and their container: those of a batch or service spec, or of one stage of a Mantis
 * job.
 */
type StageSpec = Pick<
  BatchJobSpec | ServiceJobSpec | MantisStage,
  'instances' | 'retryPolicy' | 'containerId'
>;

/** The stage of every task of a job without stages. */
export const noStage = 0;

const onlyOne: readonly number[] = [noStage];

/** The job's stages, counted from 1; for a batch or service job it is {@link noStage} alone. */
export function stagesOf(descriptor: JobDescriptor): readonly number[] {
  const spec = descriptor.jobSpec;
  return spec?.$case === 'mantis' ? spec.value.stages.map((_, index) => index + 1) : onlyOne;
}

/** Returns the spec of one of {@link stagesOf}. Undefined if the job has no such stage. */
export function stageSpec(descriptor: JobDescriptor, stage: number): StageSpec | undefined {
  const spec = descriptor.jobSpec;
  if (spec?.$case === 'mantis') return spec.value.stages[stage - 1];
  return stage === noStage ? spec?.value : undefined;
}

/**
 * Returns the descriptor with other instances in one of {@link stagesOf}. Returns the same object if it has
 * no such stage.
 */
export function withInstances(
  descriptor: JobDescriptor,
  stage: number,
  instances: TaskInstances,
): JobDescriptor {
  const { jobSpec } = descriptor;
  if (stageSpec(descriptor, stage) === undefined || jobSpec === undefined) return descriptor;
  switch (jobSpec.$case) {
    case 'batch':
      return { ...descriptor, jobSpec: { $case: 'batch', value: { ...jobSpec.value, instances } } };
    case 'service':
      return { ...descriptor, jobSpec: { $case: 'service', value: { ...jobSpec.value, instances } } };
    case 'mantis': {
      const stages = jobSpec.value.stages.map((each, index) =>
        index + 1 === stage ? { ...each, instances } : each,
      );
      return { ...descriptor, jobSpec: { $case: 'mantis', value: { ...jobSpec.value, stages } } };
    }
  }
}

/** More slots than any stage can have. */
const slotsPerStage = 2 ** 20;

/** One number for a slot of a stage; that of a job without stages is the slot itself. */
export function slotKey(stage: number, slot: number): number {
  return stage * slotsPerStage + slot;
}

/** The stage of a {@link slotKey}. */
export function stageOfSlotKey(key: number): number {
  return Math.floor(key / slotsPerStage);
}
