/*
 * job.v1.JobService: kinds are job clusters, and instances are jobs. The decisions are those of Berth's own
 * API.
 */
import { readFileSync } from 'node:fs';
import {
  type CancelInstancesRequest,
  type CancelInstancesResponse,
  Job,
  JobInstance,
  type ListRegisteredJobsResponse,
  type LookupInstancesRequest,
  type LookupInstancesResponse,
  type Query,
  type ScheduleJobRequest,
  type ScheduleJobResponse,
  type VersionResponse,
} from '@berth/shared/gen/job/v1/job_service';
import { byCreation, type Created } from '@berth/shared/model/cell/creation-order';
import { BerthError } from '@berth/shared/model/errors/errors';
import { isInstance } from '@berth/shared/model/job/registered-kind';
import { allClusters } from '@berth/shared/model/submission/clusters';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Replica } from '@berth/store/replica';
import { type Cell, readWaitMs } from '../gateway/cell.js';
import { allEndedJobs, endedJobs } from '../gateway/core/ended-jobs.js';
import { findJobWithTasks, type JobWithTasks } from '../gateway/core/job-with-tasks.js';
import { maxIdLength } from '../gateway/core/limits.js';
import { failedPrecondition, idempotencyHeader, orRefuse, refuseIf } from '../gateway/request-checks.js';
import { countFitting, fittingItems } from '../queries/core/answer-size.js';
import { searchJobs } from '../queries/core/job-search.js';
import { parseFilter } from '../queries/core/query.js';
import {
  composeInstance,
  finalStates,
  flagViolations,
  instanceState,
  isAmong,
  jobStatesOf,
} from './core/job-instances.js';
import { composeKind, kindsOf, requireKind, scheduledDescriptor, scheduleViolations } from './core/kinds.js';
import { killJob } from './job-commands.js';
import { submitJob } from './submit-job.js';

const apiVersion = 'v1';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** The most instances of one answer. */
export const maxInstancesPerAnswer = 1000;

/** These trailers of an incomplete answer have the number of all instances, and of all kinds. */
export const totalKey = 'berth-total-instances';
export const totalKindsKey = 'berth-total-kinds';

/** The time between two reads for a job that another gateway accepted. */
const lookAgainMs = 20;

/** The most kills at a time. */
const concurrency = 64;

export async function getVersion(): Promise<VersionResponse> {
  return { version, apiVersion };
}

/**
 * Returns all kinds in the order of their clusters' creation. If one answer cannot hold them all, a trailer
 * says so.
 */
export async function listRegisteredJobs(
  cell: Cell,
  _request: unknown,
  call: CallContext,
): Promise<ListRegisteredJobsResponse> {
  const jobs = kindsOf(allClusters(await cell.read(call))).map(composeKind);
  const kept = countFitting(jobs, (job) => Job.encode(job).finish().length);
  if (kept < jobs.length) call.setTrailer(totalKindsKey, String(jobs.length));
  return { jobs: jobs.slice(0, kept) };
}

/**
 * Creates a job of the kind. Resolves once the job is durable. A repeated request gets the first one's job.
 */
export async function scheduleJob(
  cell: Cell,
  request: ScheduleJobRequest,
  call: CallContext,
): Promise<ScheduleJobResponse> {
  refuseIf(scheduleViolations(request));
  const make = (view: Replica) => {
    const cluster = requireKind(kindsOf(allClusters(view)), request.kind);
    return { descriptor: scheduledDescriptor(cluster, request), arguments: request.arguments };
  };
  const { id } = await submitJob(cell, make, call);
  const job = await acceptedJob(cell, id, call);
  refuseOtherKind(cell.replica, request.kind, job);
  return { instance: composeInstance(job, kindOf(cell.replica, job)) };
}

/**
 * A key that was used for another kind is an error: the caller would take that other instance for its own. A
 * kind that was removed or renamed since then is not another kind.
 */
function refuseOtherKind(view: Replica, kind: string, { job }: JobWithTasks): void {
  const meant = kindsOf(allClusters(view)).filter(({ name }) => name === kind);
  if (meant.length === 0 || meant.some(({ cluster }) => cluster.id === job.record.clusterId)) return;
  const other = `job ${job.id} of job cluster ${job.record.clusterId}`;
  throw failedPrecondition(`The ${idempotencyHeader} was used for ${other}; use another for this kind.`);
}

/**
 * Returns the accepted job. Another gateway may have accepted it just before, so this one may not know it
 * yet.
 */
async function acceptedJob(cell: Cell, id: string, call: CallContext): Promise<JobWithTasks> {
  const patientUntilMs = cell.clock.nowMs() + readWaitMs;
  for (;;) {
    const job = await cell.findJob(call, id);
    if (job !== undefined) return job;
    if (cell.clock.nowMs() >= patientUntilMs)
      throw new BerthError(
        'unavailable',
        `Job ${id} was accepted, but this gateway does not know it yet; try again.`,
      );
    await cell.clock.sleep(lookAgainMs, call.signal);
  }
}

/**
 * Returns the instances that the query selects, the newest first. If one answer cannot hold them all, a
 * trailer says so.
 */
export async function lookupInstances(
  cell: Cell,
  { query = {} }: LookupInstancesRequest,
  call: CallContext,
): Promise<LookupInstancesResponse> {
  const found = await findInstances(cell, query, call);
  return { instances: answer(cell, found, call) };
}

/** Requests the end of all live instances that the query selects. Resolves with them once that is durable. */
export async function cancelInstances(
  cell: Cell,
  { query = {} }: CancelInstancesRequest,
  call: CallContext,
  admit: (writes: number) => void = () => {},
): Promise<CancelInstancesResponse> {
  const isEmpty = !query.kind && !query.uuid && !query.state;
  const description = 'selects every instance: name a kind, a uuid or a state';
  refuseIf(isEmpty ? [{ field: 'query', description }] : []);
  const live = (await findInstances(cell, query, call)).filter(
    (job) => !isAmong(instanceState(job), finalStates),
  );
  admit(live.length);
  const queue = live.values();
  const work = async () => {
    for (const { job } of queue) await killJob(cell, { id: job.id }, call);
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, live.length) }, work));
  const view = await cell.read(call);
  return {
    instances: answer(
      cell,
      live.flatMap(({ job }) => findJobWithTasks(view, job.id) ?? []),
      call,
    ),
  };
}

/** Returns complete instances, as many as one answer holds. */
function answer(cell: Cell, jobs: readonly JobWithTasks[], call: CallContext): JobInstance[] {
  const instances = jobs
    .slice(0, maxInstancesPerAnswer)
    .map((job) => composeInstance(job, kindOf(cell.replica, job)));
  const bytesOf = (instance: JobInstance) => JobInstance.encode(instance).finish().length;
  const kept = fittingItems(instances, { atMost: bytesOf, exactly: bytesOf });
  if (kept < jobs.length) call.setTrailer(totalKey, String(jobs.length));
  return instances.slice(0, kept);
}

/**
 * Returns the newest first. An instance that the query names by uuid may come from the archive. Of each kind
 * the last instances stay listed after their jobs have left for it.
 */
async function findInstances(cell: Cell, query: Query, call: CallContext): Promise<readonly JobWithTasks[]> {
  const { kind = '', uuid = '', state = 0 } = query;
  const tooLong = { field: 'query.uuid', description: `is longer than ${maxIdLength} characters` };
  refuseIf([...flagViolations(state), ...(uuid.length > maxIdLength ? [tooLong] : [])]);
  if (uuid !== '') {
    const found = await cell.findJob(call, uuid);
    const job = found ?? allEndedJobs(cell.replica).find(({ job: { id } }) => id === uuid);
    const isMeant =
      job !== undefined && isInstance(job.job.record) && (kind === '' || kindOf(cell.replica, job) === kind);
    return isMeant && isAmong(instanceState(job), state) ? [job] : [];
  }
  const view = await cell.read(call);
  const cluster = kind === '' ? undefined : requireKind(kindsOf(allClusters(view)), kind);
  const { filter } = orRefuse(
    parseFilter({
      jobType: 'batch',
      ...(cluster === undefined ? {} : { jobClusterIds: cluster.id }),
      ...(state === 0 ? {} : { jobState: jobStatesOf(state).join(',') }),
    }),
  );
  const present = searchJobs(view, cell.index, filter).flatMap(({ id }) => findJobWithTasks(view, id) ?? []);
  const ended = cluster === undefined ? allEndedJobs(view) : endedJobs(view, cluster.id);
  return [...present, ...ended]
    .filter((job) => isInstance(job.job.record) && isAmong(instanceState(job), state))
    .sort((a, b) => -byCreation(createdOf(a), createdOf(b)));
}

function createdOf({ job: { id, record } }: JobWithTasks): Created {
  return { id, createdAtMs: record.createdAtMs };
}

/** Returns the name of the instance's cluster, or the cluster's id if the cluster was removed. */
function kindOf(view: Replica, { job }: JobWithTasks): string {
  const { clusterId } = job.record;
  return view.find('cluster', clusterId)?.record.descriptor?.name ?? clusterId;
}
