import { Stage, StageWorker, type WatchStagesRequest } from '@berth/shared/gen/berth/v1/stage_service';
import type { TaskRecord } from '@berth/shared/gen/berth/v1/store';
import type { JobDescriptor } from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { FieldViolation } from '@berth/shared/model/errors/errors';
import { instancesOf } from '@berth/shared/model/job/job';
import { type StageTask, type StageWait, stageWaits } from '@berth/shared/model/job/stage-start';
import { noStage, stagesOf } from '@berth/shared/model/job/stages';
import { addressFrom, taskAddress } from '@berth/shared/model/task/task-address';
import { taskIdOf } from '@berth/shared/model/task/task-id';
import { isTaskLive, State, taskState } from '@berth/shared/model/task/task-state';

/** A job with stages as it stands. */
interface StagedJob {
  readonly descriptor: JobDescriptor;
  readonly tasks: readonly TaskRecord[];
  /** True if the job has ended or is to end: none of its stages begins any more. */
  readonly isEnding: boolean;
}

/** Each stage of the job with its live tasks, by index; empty for a job without stages. */
export function stageMessages({ descriptor, tasks, isEnding }: StagedJob): readonly Stage[] {
  const stages = stagesOf(descriptor).filter((stage) => stage !== noStage);
  const waits = isEnding ? [] : stageWaits(descriptor, tasks.map(toStageTask));
  const live = tasks.filter(isTaskLive).sort((a, b) => a.slot - b.slot);
  return stages.map((number) =>
    Stage.fromPartial({
      number,
      stageCount: stages.length,
      instances: instancesOf(descriptor, number),
      workers: live.filter(({ stage }) => stage === number).map(workerMessage),
      wait: waitMessage(waits.find(({ stage }) => stage === number)),
    }),
  );
}

function toStageTask(task: TaskRecord): StageTask {
  return { stage: task.stage, slot: task.slot, isRunning: taskState(task) === State.RUNNING };
}

function waitMessage(wait: StageWait | undefined) {
  return wait && { stage: wait.waitsFor, running: wait.running, wanted: wait.wanted };
}

function workerMessage(record: TaskRecord): StageWorker {
  const address = taskAddress(record);
  return StageWorker.fromPartial({
    taskId: taskIdOf(record),
    index: record.slot,
    number: record.workerNumber ?? 0,
    state: taskState(record),
    address: addressFrom(address),
    agentId: record.agentId,
    host: address.host,
    containerIp: address.containerIp,
    hostPorts: Object.fromEntries(address.hostPorts) as Record<number, number>,
  });
}

/** Returns the requested stages, or the violations of the request. */
export function watchedStages(
  descriptor: JobDescriptor,
  { stage, neighboursOf }: Pick<WatchStagesRequest, 'stage' | 'neighboursOf'>,
): { readonly stages: ReadonlySet<number> } | { readonly violations: readonly FieldViolation[] } {
  const all = stagesOf(descriptor);
  if (all[0] === noStage) return wrong('job_id', 'names a job that has no stages');
  if (stage > 0 && neighboursOf > 0) return wrong('neighbours_of', 'cannot be set together with stage');
  for (const [field, value] of [
    ['stage', stage],
    ['neighbours_of', neighboursOf],
  ] as const) {
    if (value > all.length) return wrong(field, `is ${value}, but the job has stages 1 to ${all.length}`);
  }
  if (stage > 0) return { stages: new Set([stage]) };
  if (neighboursOf === 0) return { stages: new Set(all) };
  return { stages: new Set(all.filter((each) => Math.abs(each - neighboursOf) === 1)) };
}

function wrong(field: string, description: string) {
  return { violations: [{ field, description }] };
}
