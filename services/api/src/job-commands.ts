/*
 * What callers want, made durable: each command reads, decides and commits what its caller asks for. None waits for the
 * master, which does the rest.
 */
import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import type {
  JobDescriptor,
  JobId,
  JobInstancesUpdate,
  JobStatusUpdate,
  TaskId,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import type { Entity } from '@berth/shared/model/entity';
import { notFound } from '@berth/shared/model/errors';
import { clusterIdLabel, isJobLive, jobGroupClaim, jobIdOfTask } from '@berth/shared/model/job';
import { isTaskLive } from '@berth/shared/model/task-state';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Replica } from '@berth/shared/store/replica';
import type { Claim } from '@berth/shared/store/store';
import { v7 as uuid } from 'uuid';
import type { Cell } from './cell.js';
import { clusterOf } from './core/clusters.js';
import { type Updated, updateEnabled, updateInstances } from './core/instances.js';
import { type ValidJob, validateJob } from './core/validate.js';
import {
  failedPrecondition,
  header,
  idempotencyTtlMs,
  idViolations,
  orRefuse,
  refuseIf,
  repeatClaim,
} from './requests.js';

/** Accepts a job. Resolves once it is durable, with its id; with the first one's id where the caller repeats itself. */
export async function createJob(cell: Cell, descriptor: JobDescriptor, call: CallContext): Promise<JobId> {
  const repeat = repeatClaim(call, 'idem');
  const id = uuid();
  const result = await cell.settle(call, async (view) => {
    const { descriptor: valid, cluster } = validJob(cell, view, descriptor, call);
    if (!cluster.record.enabled)
      throw failedPrecondition(`Job cluster ${cluster.id} is disabled; it starts no job.`);
    const complete = await cell.images.resolve(valid, call.signal);
    const record: JobRecord = {
      id,
      clusterId: cluster.id,
      descriptor: complete,
      createdAtMs: cell.clock.nowMs(),
      createdBy: call.caller.id,
      kill: undefined,
      arguments: [],
      fireAtMs: 0,
    };
    return {
      writes: [{ kind: 'job', id, record, expectedRevision: 0 }],
      // The cluster as it was read: not removed, disabled or changed in the meantime.
      expects: [{ kind: 'cluster', id: cluster.id, revision: cluster.revision }],
      claims: claimsOf(record, repeat),
    };
  });
  if (result === undefined || result.ok) return { id };
  if (result.reason === 'claimed' && result.name === repeat) {
    await cell.read(call);
    return { id: result.owner };
  }
  if (result.reason === 'claimed') {
    throw failedPrecondition(
      `Job ${result.owner} is live and has the same app name, stack, detail and sequence.`,
    );
  }
  throw new Error(`a new job cannot be refused as ${result.reason}`);
}

function validJob(cell: Cell, view: Replica, descriptor: JobDescriptor, call: CallContext): ValidJob {
  const { email } = call.caller;
  const clusterId = header(call, clusterIdLabel);
  return orRefuse(
    validateJob(descriptor, {
      attributes: () => cell.knownAttributes(),
      findCluster: (id) => clusterOf(view, id),
      ...(email === undefined ? {} : { callerEmail: email }),
      ...(clusterId === undefined ? {} : { clusterId }),
    }),
  );
}

/** The claim of the repeated request comes first: of two refusals it is the one that is no error. */
function claimsOf({ id, descriptor }: JobRecord, repeat: string | undefined): readonly Claim[] {
  const group = descriptor === undefined ? undefined : jobGroupClaim(descriptor);
  return [
    ...(repeat === undefined ? [] : [{ name: repeat, owner: id, ttlMs: idempotencyTtlMs }]),
    ...(group === undefined ? [] : [{ name: group, owner: id }]),
  ];
}

/** Sets how many tasks a live service job wants. */
export async function updateJobInstances(
  cell: Cell,
  request: JobInstancesUpdate,
  call: CallContext,
): Promise<Empty> {
  refuseIf(idViolations('jobId', request.jobId));
  return updateDescriptor(cell, call, request.jobId, (descriptor) =>
    updateInstances(descriptor, request.instances),
  );
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
    // What is archived has ended.
    if (job === undefined || isEnding(view, job))
      throw failedPrecondition(`Job ${jobId} is ending or has ended; it cannot change any more.`);
    const before = job.record.descriptor;
    if (before === undefined) throw new Error(`job ${jobId} has no descriptor`);
    const { descriptor } = orRefuse(change(before));
    return descriptor === before ? undefined : jobWrite(job, { descriptor });
  });
  return {};
}

/** Asks for the end of a job and its tasks. A job that is ending or has ended is left as it is. */
export async function killJob(cell: Cell, { id }: JobId, call: CallContext): Promise<Empty> {
  refuseIf(idViolations('id', id));
  await requireJob(cell, call, id);
  await cell.update(call, (view) => {
    const job = view.find('job', id);
    if (job === undefined || isEnding(view, job)) return undefined;
    return jobWrite(job, { kill: { atMs: cell.clock.nowMs(), by: call.caller.id } });
  });
  return {};
}

/** Asks for the end of a task. A task that is ending or has ended is left as it is. */
export async function killTask(cell: Cell, { id }: TaskId, call: CallContext): Promise<Empty> {
  refuseIf(idViolations('id', id));
  if ((await cell.findTask(call, id)) === undefined) throw notFound('task', id);
  await cell.update(call, (view) => {
    const task = view.find('task', id);
    if (task === undefined || !isTaskLive(task.record) || view.find('taskStop', id) !== undefined)
      return undefined;
    const job = view.find('job', jobIdOfTask(id));
    if (job !== undefined && isEnding(view, job)) return undefined;
    const record = { taskId: id, wish: { atMs: cell.clock.nowMs(), by: call.caller.id } };
    return { writes: [{ kind: 'taskStop', id, record, expectedRevision: 0 }] };
  });
  return {};
}

async function requireJob(cell: Cell, call: CallContext, id: string): Promise<void> {
  if ((await cell.findJob(call, id)) === undefined) throw notFound('job', id);
}

function isEnding(view: Replica, job: Entity<'job'>): boolean {
  return job.record.kill !== undefined || !isJobLive(view.find('jobStatus', job.id)?.record);
}

function jobWrite(job: Entity<'job'>, change: Partial<JobRecord>) {
  const { id, revision } = job;
  return {
    writes: [{ kind: 'job' as const, id, record: { ...job.record, ...change }, expectedRevision: revision }],
  };
}
