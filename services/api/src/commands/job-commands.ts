/*
 * Commands of callers for jobs and tasks. Each one reads, decides and commits. The master does the rest; no
 * command waits for it.
 */

import type {
  UpdateStageInstancesRequest,
  UpdateStageInstancesResponse,
} from '@berth/shared/gen/berth/v1/stage_service';
import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import type {
  JobDescriptor,
  JobId,
  JobInstancesUpdate,
  JobStatusUpdate,
  TaskId,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/cell/entity';
import { invalidFields, notFound } from '@berth/shared/model/errors/errors';
import { typeReleases } from '@berth/shared/model/job/mantis';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Cell } from '../gateway/cell.js';
import { failedPrecondition, header, idViolations, orRefuse, refuseIf } from '../gateway/request-checks.js';
import { KillTarget } from './core/kill-target.js';
import { type StageChoice, type Updated, updateEnabled, updateInstances } from './core/update-instances.js';
import { isEnding } from './submit-job.js';

/** Sets the desired number of tasks of a live service job, or of the Mantis stage that the metadata names. */
export async function updateJobInstances(
  cell: Cell,
  request: JobInstancesUpdate,
  call: CallContext,
): Promise<Empty> {
  refuseIf(idViolations('jobId', request.jobId));
  const choice = stageChoice(call);
  return updateDescriptor(cell, call, request.jobId, (descriptor) =>
    updateInstances(descriptor, request.instances, choice),
  );
}

/** The metadata that names a stage, from 1. */
const stageHeader = 'berth.stage';

function stageChoice(call: CallContext): StageChoice {
  const field = `metadata ${stageHeader}`;
  const text = header(call, stageHeader);
  if (text !== undefined && !/^[1-9]\d{0,8}$/.test(text))
    throw invalidFields([{ field, description: `is ${JSON.stringify(text)}, but must be a number from 1` }]);
  return { field, stage: text === undefined ? undefined : Number(text) };
}

/** Sets the desired number of tasks of one stage of a live Mantis job. */
export async function updateStageInstances(
  cell: Cell,
  { jobId, stage, instances }: UpdateStageInstancesRequest,
  call: CallContext,
): Promise<UpdateStageInstancesResponse> {
  refuseIf(idViolations('job_id', jobId));
  const choice = { field: 'stage', stage: stage === 0 ? undefined : stage };
  return updateDescriptor(cell, call, jobId, (descriptor) => updateInstances(descriptor, instances, choice));
}

/** Switches the autoscaling of a live service job on or off. */
export async function updateJobStatus(
  cell: Cell,
  request: JobStatusUpdate,
  call: CallContext,
): Promise<Empty> {
  refuseIf(idViolations('id', request.id));
  return updateDescriptor(cell, call, request.id, (descriptor) =>
    updateEnabled(descriptor, request.enableStatus),
  );
}

async function updateDescriptor(
  cell: Cell,
  call: CallContext,
  jobId: string,
  change: (descriptor: JobDescriptor) => Updated,
): Promise<Empty> {
  await requireJob(cell, call, jobId);
  await cell.update(call, (view) => {
    const job = view.find('job', jobId);
    // An archived job has ended.
    if (job === undefined || isEnding(view, job))
      throw failedPrecondition(`Job ${jobId} is ending or has ended; it cannot change any more.`);
    const before = job.record.descriptor;
    if (before === undefined) throw new Error(`job ${jobId} has no descriptor`);
    const { descriptor, stage } = orRefuse(change(before));
    if (descriptor === before) return undefined;
    if (stage === undefined) return jobWrite(job, { descriptor });
    const instancesSetAtMs = { ...job.record.instancesSetAtMs, [stage]: cell.clock.nowMs() };
    return jobWrite(job, { descriptor, instancesSetAtMs });
  });
  return {};
}

/** Requests the end of a job and its tasks. Does nothing if the job is ending or has ended. */
export async function killJob(cell: Cell, { id }: JobId, call: CallContext): Promise<Empty> {
  refuseIf(idViolations('id', id));
  await requireJob(cell, call, id);
  await cell.update(call, (view) => {
    const job = view.find('job', id);
    if (job === undefined || isEnding(view, job)) return undefined;
    const kill = { atMs: cell.clock.nowMs(), by: call.caller.id };
    // A job that is ending does not keep others of its type from starting.
    return { ...jobWrite(job, { kill }), releaseClaims: typeReleases(job.record) };
  });
  return {};
}

/**
 * Requests the end of a task. In a batch job this ends the task's slot, also while the slot waits for another
 * attempt. Does nothing if the task is ending, or has ended for good.
 */
export async function killTask(cell: Cell, { id }: TaskId, call: CallContext): Promise<Empty> {
  refuseIf(idViolations('id', id));
  if ((await cell.findTask(call, id)) === undefined) throw notFound('task', id);
  const target = new KillTarget(id);
  await cell.update(call, (view) => {
    const job = view.find('job', jobIdOfTask(id));
    if (job === undefined || isEnding(view, job)) return undefined;
    const task = target.find(view, job.record);
    if (task === undefined || view.find('taskStop', task.id) !== undefined) return undefined;
    const record = { taskId: task.id, wish: { atMs: cell.clock.nowMs(), by: call.caller.id } };
    return {
      writes: [{ kind: 'taskStop', id: task.id, record, expectedRevision: 0 }],
      expects: [{ kind: 'task', id: task.id, revision: task.revision }],
    };
  });
  return {};
}

async function requireJob(cell: Cell, call: CallContext, id: string): Promise<void> {
  if ((await cell.findJob(call, id)) === undefined) throw notFound('job', id);
}

function jobWrite(job: Entity<'job'>, change: Partial<JobRecord>) {
  const { id, revision } = job;
  return {
    writes: [{ kind: 'job' as const, id, record: { ...job.record, ...change }, expectedRevision: revision }],
  };
}
