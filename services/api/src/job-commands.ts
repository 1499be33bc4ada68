/*
 * What callers want, made durable: each command reads, decides and commits what its caller asks for. None waits for the
 * master, which does the rest.
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
import type { Entity } from '@berth/shared/model/entity';
import { BerthError, invalidFields, notFound } from '@berth/shared/model/errors';
import { clusterIdLabel, isJobLive, jobClaims, jobIdOfTask } from '@berth/shared/model/job';
import { isTypeClaim, runtimeEndMs, typeReleases, userTypeClaim } from '@berth/shared/model/mantis';
import { clusterOf } from '@berth/shared/model/submission/clusters';
import { type ValidJob, validateJob } from '@berth/shared/model/submission/validate';
import { isTaskLive } from '@berth/shared/model/task-state';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Replica } from '@berth/shared/store/replica';
import type { Claim } from '@berth/shared/store/store';
import { v7 as uuid } from 'uuid';
import { type Cell, maxUpdateAttempts, type Part } from './cell.js';
import { PlaceFinder } from './cluster-places.js';
import { type StageChoice, type Updated, updateEnabled, updateInstances } from './core/instances.js';
import {
  failedPrecondition,
  header,
  idempotencyTtlMs,
  idViolations,
  orRefuse,
  refuseIf,
  repeatClaim,
} from './requests.js';

/** What is to become a job. */
export interface Submitted {
  readonly descriptor: JobDescriptor;
  /** What the caller of ScheduleJob gave; the descriptor's command has it already. */
  readonly arguments: readonly string[];
}

/** Accepts a job. Resolves once it is durable, with its id; with the first one's id where the caller repeats itself. */
export function createJob(cell: Cell, descriptor: JobDescriptor, call: CallContext): Promise<JobId> {
  return submitJob(cell, () => ({ descriptor, arguments: [] }), call);
}

/** {@link createJob}, of a job that is made from the newest view, again wherever others were faster. */
export async function submitJob(
  cell: Cell,
  make: (view: Replica) => Submitted,
  call: CallContext,
): Promise<JobId> {
  const repeat = repeatClaim(call, 'idem');
  // Before anything else is asked: what was granted once is not checked again. Two at once are told apart by the commit.
  const first = repeat === undefined ? undefined : await cell.findFirst(repeat);
  if (first !== undefined) {
    await cell.read(call);
    return { id: first };
  }
  const id = uuid();
  const places = new PlaceFinder(cell, id, repeat !== undefined);
  let sameType: string | undefined;
  let typeOwner: string | undefined;
  const submit = async (view: Replica): Promise<Part | undefined> => {
    const { descriptor, arguments: given } = make(view);
    const { descriptor: valid, cluster } = validJob(cell, view, descriptor, call);
    sameType = await findSameType(cell, call, { clusterId: cluster.id, descriptor: valid });
    if (sameType !== undefined) return undefined;
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
      arguments: [...given],
      fireAtMs: 0,
      clusterPlace: places.find(view, cluster),
    };
    const takenFrom = typeOwner !== undefined && !isGoingOn(cell, view, typeOwner) ? typeOwner : undefined;
    return {
      writes: [{ kind: 'job', id, record, expectedRevision: 0 }],
      // The cluster as it was read: not removed, disabled or changed in the meantime. And a job that is gone is gone.
      expects: [
        { kind: 'cluster', id: cluster.id, revision: cluster.revision },
        ...(takenFrom === undefined || view.find('job', takenFrom) !== undefined
          ? []
          : [{ kind: 'job' as const, id: takenFrom, revision: 0 }]),
      ],
      claims: claimsOf(record, { repeat, takenFrom }),
    };
  };
  for (let attempt = 0; attempt < maxUpdateAttempts; attempt++) {
    // What the view may lack of other jobs, the claims know.
    const result = await cell.settle(call, submit, (one) => cell.readClusters(one));
    if (sameType !== undefined) return { id: sameType };
    if (result === undefined || result.ok) return { id };
    if (result.reason !== 'claimed') throw new Error(`a new job cannot be refused as ${result.reason}`);
    const { name, owner } = result;
    const view = await cell.read(call);
    if (places.learn(name)) {
      attempt -= 1;
      continue;
    }
    if (name === repeat || (isTypeClaim(name) && isGoingOn(cell, view, owner))) return { id: owner };
    if (!isTypeClaim(name))
      throw failedPrecondition(`Job ${owner} is live and has the same app name, stack, detail and sequence.`);
    typeOwner = owner;
  }
  throw new BerthError(
    'conflict',
    'Others keep creating and ending jobs of the same type or cluster; try again.',
  );
}

/** The live job that has the same type of its user's own as the one that is asked for. The claim decides who else races. */
async function findSameType(
  cell: Cell,
  call: CallContext,
  job: Pick<JobRecord, 'clusterId' | 'descriptor'>,
): Promise<string | undefined> {
  const name = userTypeClaim(job);
  if (name === undefined) return undefined;
  // A job that its caller has just killed must not come back.
  const view = await cell.read(call);
  return cell.index.liveJobsOf(job.clusterId).find((id) => {
    const other = view.find('job', id)?.record;
    return other !== undefined && userTypeClaim(other) === name && isGoingOn(cell, view, id);
  });
}

/** Whether the job is live, and not about to end. */
function isGoingOn(cell: Cell, view: Replica, id: string): boolean {
  const job = view.find('job', id);
  return job !== undefined && !isEnding(view, job) && cell.clock.nowMs() < runtimeEndMs(job.record);
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

interface ClaimTerms {
  readonly repeat: string | undefined;
  /** The job that may lose the claim of its type. */
  readonly takenFrom: string | undefined;
}

/** Claims whose refusal is no error come first: that of the repeated request, then that of the job's type. */
function claimsOf(job: JobRecord, { repeat, takenFrom }: ClaimTerms): readonly Claim[] {
  const { id: owner } = job;
  const ofJob = jobClaims(job).map((name) =>
    isTypeClaim(name) && takenFrom !== undefined ? { name, owner, takenFrom } : { name, owner },
  );
  return repeat === undefined ? ofJob : [{ name: repeat, owner, ttlMs: idempotencyTtlMs }, ...ofJob];
}

/** Sets how many tasks a live service job wants, or the stage of a Mantis job that the metadata names. */
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

/** Sets how many tasks one stage of a live Mantis job wants. */
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
    const kill = { atMs: cell.clock.nowMs(), by: call.caller.id };
    // A job that is ending is none that a second one of its type would be.
    return { ...jobWrite(job, { kill }), releaseClaims: typeReleases(job.record) };
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
