import { type JobRecord, type Resources, TaskRecord } from '@berth/shared/gen/berth/v1/store';
import { type Container, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { containerOf } from '@berth/shared/model/job/job';
import { noStage, stagesOf } from '@berth/shared/model/job/stages';
import { parseResources } from '@berth/shared/model/resources/resources';
import { zeroResources } from '@berth/shared/model/resources/vector';
import { State, stateName, toRfc3339 } from '@berth/shared/model/task/task-state';

/** The values that distinguish a new task from its siblings. */
export interface TaskSeed {
  readonly stage: number;
  readonly slot: number;
  readonly attempt: number;
  readonly userRetries: number;
  readonly systemRetries: number;
  /** In a job with stages: a number from 1 on, counted over all tasks that the job ever had. */
  readonly workerNumber?: number;
  /** The ended task that the new one replaces. */
  readonly replaces?: TaskRecord;
}

/**
 * Returns the id of a new task: the job's id, a dot, the stage if it has one, slot and attempt. It is never
 * used twice, and is a valid name of a container.
 */
function newTaskId(jobId: string, { stage, slot, attempt }: SlotAttempt): string {
  return `${jobId}.${stage === noStage ? '' : `${stage}-`}${slot}-${attempt}`;
}

type SlotAttempt = Pick<TaskSeed, 'stage' | 'slot' | 'attempt'>;

/** Creates a QUEUED task of the job. */
export function newTask(job: JobRecord, seed: TaskSeed, nowMs: number): TaskRecord {
  const id = newTaskId(job.id, seed);
  return TaskRecord.fromPartial({
    task: publicTask(id, job, seed, nowMs),
    jobId: job.id,
    stage: seed.stage,
    slot: seed.slot,
    attempt: seed.attempt,
    userRetries: seed.userRetries,
    systemRetries: seed.systemRetries,
    resources: requestedResources(job, seed.stage),
    ...(seed.workerNumber === undefined ? {} : { workerNumber: seed.workerNumber }),
    createdAtMs: nowMs,
  });
}

function publicTask(id: string, job: JobRecord, seed: TaskSeed, nowMs: number): Task {
  const replaced = seed.replaces?.task;
  return Task.fromPartial({
    id,
    taskContext: {
      'task.index': String(seed.slot),
      ...stageContext(job, seed),
      'task.resubmitNumber': String(replaced === undefined ? 0 : resubmitNumber(replaced) + 1),
      'task.originalId': replaced?.taskContext['task.originalId'] ?? replaced?.id ?? id,
      ...(replaced === undefined ? {} : { 'task.resubmitOf': replaced.id }),
    },
    state: { state: State.QUEUED, reason: '' },
    stateChanges: [{ state: stateName(State.QUEUED), timestamp: toRfc3339(nowMs) }],
  });
}

/** Returns the part of the context that names the task's stage. */
function stageContext({ descriptor }: JobRecord, { stage, slot, workerNumber }: TaskSeed) {
  if (stage === noStage) return {};
  return {
    'task.stage': String(stage),
    'task.stageCount': String(descriptor === undefined ? 0 : stagesOf(descriptor).length),
    'task.workerIndex': String(slot),
    'task.workerNumber': String(workerNumber ?? 0),
  };
}

/** Returns the number of tasks before this one in its chain. A slot that is used again starts a new chain. */
function resubmitNumber(task: Task): number {
  return Number(task.taskContext['task.resubmitNumber'] ?? 0);
}

/** Descriptors never change. So the needs of a container are read once, and not for each of its tasks. */
const knownNeeds = new WeakMap<Container, Resources>();

function requestedResources({ descriptor }: JobRecord, stage: number): Resources {
  const container = descriptor === undefined ? undefined : containerOf(descriptor, stage);
  const known = container && knownNeeds.get(container);
  if (known !== undefined) return known;
  const parsed = parseResources(container?.resources ?? {});
  // Gateways refuse descriptors with resources that they cannot read.
  const needs = 'resources' in parsed ? parsed.resources : zeroResources();
  if (container !== undefined) knownNeeds.set(container, needs);
  return needs;
}
