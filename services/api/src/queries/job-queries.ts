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
import type { Created } from '@berth/shared/model/cell/creation-order';
import { notFound } from '@berth/shared/model/errors/errors';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Cell } from '../gateway/cell.js';
import { findJobWithTasks, type JobWithTasks } from '../gateway/core/job-with-tasks.js';
import { idViolations, refuseIf } from '../gateway/request-checks.js';
import { type ItemSize, omittedTasksKey } from './core/answer-size.js';
import { searchJobs } from './core/job-search.js';
import { cursorAt, cursorKey } from './core/page.js';
import { jobShape, taskShape } from './core/projection.js';
import { type IsDraining, type JobFilter, matchesJobAlone, matchesTask, parseFilter } from './core/query.js';
import { answeredJob, projectedJob, projectedTask } from './job-responses.js';
import { cutTasks, jobSize, taskSize } from './job-sizes.js';
import { answerPage, parseQuery, type QueryReader } from './paged-query.js';
import { creationOrder, type ListedTask } from './task-order.js';

/** How queries for jobs are read. */
export function jobQueries(isDraining: IsDraining): QueryReader<JobFilter> {
  return { parse: (criteria) => parseFilter(criteria, isDraining), shape: jobShape };
}

/** How queries for tasks are read. */
export function taskQueries(isDraining: IsDraining): QueryReader<JobFilter> {
  return { parse: (criteria) => parseFilter(criteria, isDraining), shape: taskShape };
}

/**
 * Returns the job with its tasks. If one answer does not hold them all, a trailer has the number of the
 * others, and the cursor from which FindTasks goes on.
 */
export async function findJob(cell: Cell, { id }: JobId, call: CallContext): Promise<Job> {
  refuseIf(idViolations('id', id));
  const view = await cell.findJob(call, id);
  if (view === undefined) throw notFound('job', id);
  const { view: cut, omitted } = cutTasks(view);
  if (omitted > 0) {
    call.setTrailer(omittedTasksKey, String(omitted));
    const last = cut.tasks.at(-1);
    if (last !== undefined)
      call.setTrailer(cursorKey, cursorAt({ id: last.id, createdAtMs: last.record.createdAtMs }));
  }
  return answeredJob(cut);
}

/**
 * Returns the jobs that meet the criteria, page by page, in the order of creation. A job that one answer does
 * not hold with all of its tasks is alone on its page, and a trailer has the number of the other tasks.
 */
export async function findJobs(cell: Cell, query: JobQuery, call: CallContext): Promise<JobQueryResult> {
  const { filter, selection, page } = parseQuery(query, call, jobQueries(drainsIn(cell)));
  const view = await cell.read(call);
  const sorted = searchJobs(view, cell.index, filter);
  const size = sizeOfFound((id) => findJobWithTasks(view, id), jobSize(selection));
  const { items, pagination } = answerPage(call, { sorted, size }, page);
  const jobs = items
    .flatMap(({ id }) => findJobWithTasks(view, id) ?? [])
    .map((job) => cutTasks(job, selection));
  const omitted = jobs.reduce((sum, job) => sum + job.omitted, 0);
  if (omitted > 0) call.setTrailer(omittedTasksKey, String(omitted));
  return { items: jobs.map((job) => projectedJob(job.view, selection)), pagination };
}

/** Returns the sizes of jobs that are known by their ids. A job that has gone has none. */
function sizeOfFound(
  find: (id: string) => JobWithTasks | undefined,
  size: ItemSize<JobWithTasks>,
): ItemSize<Created> {
  const measured = (measure: (view: JobWithTasks) => number) => (found: Created) => {
    const view = find(found.id);
    return view === undefined ? 0 : measure(view);
  };
  return { atMost: measured(size.atMost), exactly: measured(size.exactly) };
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
    ? creationOrder(job.tasks).filter(({ entity }) => matchesTask(filter, entity.record))
    : [];
  const { atMost, exactly } = taskSize(selection);
  const size: ItemSize<ListedTask> = {
    atMost: ({ entity }) => atMost(entity),
    exactly: ({ entity }) => exactly(entity),
  };
  const { items, pagination } = answerPage(call, { sorted: found, size }, page);
  return { items: items.flatMap(({ entity }) => projectedTask(entity, selection) ?? []), pagination };
}
