/** Answers about jobs and tasks: live ones from memory, older ones from the archive. */
import type {
  Job,
  JobId,
  JobQuery,
  JobQueryResult,
  Task,
  TaskId,
  TaskQuery,
  TaskQueryResult,
} from '@berth/shared/gen/netflix/titus/titus_job_api';
import { byCreation, type Created } from '@berth/shared/model/cell/creation-order';
import type { Entity } from '@berth/shared/model/cell/entity';
import { notFound } from '@berth/shared/model/errors/errors';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Cell } from '../gateway/cell.js';
import { findJobWithTasks } from '../gateway/core/job-with-tasks.js';
import { idViolations, refuseIf } from '../gateway/request-checks.js';
import { searchJobs } from './core/job-search.js';
import { jobShape, taskShape } from './core/projection.js';
import { type IsDraining, type JobFilter, matchesJobAlone, matchesTask, parseFilter } from './core/query.js';
import { answeredJob, projectedJob, projectedTask } from './job-responses.js';
import { answerPage, parseQuery, type QueryReader } from './paged-query.js';

/** How queries for jobs are read. */
export function jobQueries(isDraining: IsDraining): QueryReader<JobFilter> {
  return { parse: (criteria) => parseFilter(criteria, isDraining), shape: jobShape };
}

/** How queries for tasks are read. */
export function taskQueries(isDraining: IsDraining): QueryReader<JobFilter> {
  return { parse: (criteria) => parseFilter(criteria, isDraining), shape: taskShape };
}

/** The job with its tasks. */
export async function findJob(cell: Cell, { id }: JobId, call: CallContext): Promise<Job> {
  refuseIf(idViolations('id', id));
  const view = await cell.findJob(call, id);
  if (view === undefined) throw notFound('job', id);
  return answeredJob(view);
}

/** Returns the jobs that meet the criteria, page by page, in the order of creation. */
export async function findJobs(cell: Cell, query: JobQuery, call: CallContext): Promise<JobQueryResult> {
  const { filter, selection, page } = parseQuery(query, call, jobQueries(drainsIn(cell)));
  const view = await cell.read(call);
  const { items, pagination } = answerPage(call, searchJobs(view, cell.index, filter), page);
  const jobs = items.flatMap(({ id }) => findJobWithTasks(view, id) ?? []);
  return { items: jobs.map((job) => projectedJob(job, selection)), pagination };
}

function drainsIn({ replica }: Cell): IsDraining {
  return (agentId) => replica.find('agentDrain', agentId) !== undefined;
}

/** Returns the task of a live or finished job. */
export async function findTask(cell: Cell, { id }: TaskId, call: CallContext): Promise<Task> {
  refuseIf(idViolations('id', id));
  const task = (await cell.findTask(call, id))?.record.task;
  if (task === undefined) throw notFound('task', id);
  return task;
}

/** Returns the tasks of one job that meet the criteria, page by page, in the order of creation. */
export async function findTasks(cell: Cell, query: TaskQuery, call: CallContext): Promise<TaskQueryResult> {
  const { filter, selection, page } = parseQuery(query, call, {
    ...taskQueries(drainsIn(cell)),
    others: idViolations('jobId', query.jobId),
  });
  const job = await cell.findJob(call, query.jobId);
  if (job === undefined) throw notFound('job', query.jobId);
  const found = matchesJobAlone(filter, job)
    ? inOrder(job.tasks).filter(({ entity }) => matchesTask(filter, entity.record))
    : [];
  const { items, pagination } = answerPage(call, found, page);
  return { items: items.flatMap(({ entity }) => projectedTask(entity, selection) ?? []), pagination };
}

interface ListedTask extends Created {
  readonly entity: Entity<'task'>;
}

/**
 * A reader of one page of a job's tasks usually reads more. The list stays the same until one of the tasks
 * changes.
 */
const listed = new WeakMap<readonly Entity<'task'>[], readonly ListedTask[]>();

function inOrder(tasks: readonly Entity<'task'>[]): readonly ListedTask[] {
  const known = listed.get(tasks);
  if (known !== undefined) return known;
  const sorted = tasks
    .map((entity) => ({ id: entity.id, createdAtMs: entity.record.createdAtMs, entity }))
    .sort(byCreation);
  listed.set(tasks, sorted);
  return sorted;
}
