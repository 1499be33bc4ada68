/** Answers from memory; what has left it, from the archive. */
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
import { notFound } from '@berth/shared/model/errors';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Cell } from './cell.js';
import { byCreation } from './core/creation-order.js';
import { searchJobs } from './core/job-search.js';
import { jobViewOf } from './core/observe.js';
import { jobShape, projectTask, taskShape } from './core/projection.js';
import { type IsDraining, matchesJobAlone, matchesTask, parseFilter } from './core/query.js';
import { answeredJob, projectedJob } from './job-answers.js';
import { answerPage, parseQuery } from './paged-query.js';
import { idViolations, refuseIf } from './requests.js';

/** The job with its tasks. */
export async function findJob(cell: Cell, { id }: JobId, call: CallContext): Promise<Job> {
  refuseIf(idViolations('id', id));
  const view = await cell.findJob(call, id);
  if (view === undefined) throw notFound('job', id);
  return answeredJob(view);
}

/** The jobs that meet the criteria, page by page, in the order of their creation. */
export async function findJobs(cell: Cell, query: JobQuery, call: CallContext): Promise<JobQueryResult> {
  const { filter, selection, page } = parseQuery(query, call, {
    parse: (given) => parseFilter(given, drainsIn(cell)),
    shape: jobShape,
  });
  const view = await cell.read(call);
  const { items, pagination } = answerPage(call, searchJobs(view, cell.index, filter), page);
  const jobs = items.flatMap(({ id }) => jobViewOf(view, id) ?? []);
  return { items: jobs.map((job) => projectedJob(job, selection)), pagination };
}

function drainsIn({ replica }: Cell): IsDraining {
  return (agentId) => replica.find('agentDrain', agentId) !== undefined;
}

/** The task, of a live or a finished job. */
export async function findTask(cell: Cell, { id }: TaskId, call: CallContext): Promise<Task> {
  refuseIf(idViolations('id', id));
  const task = (await cell.findTask(call, id))?.record.task;
  if (task === undefined) throw notFound('task', id);
  return task;
}

/** The tasks of one job that meet the criteria, page by page, in the order of their creation. */
export async function findTasks(cell: Cell, query: TaskQuery, call: CallContext): Promise<TaskQueryResult> {
  const { filter, selection, page } = parseQuery(query, call, {
    parse: (given) => parseFilter(given, drainsIn(cell)),
    shape: taskShape,
    others: idViolations('jobId', query.jobId),
  });
  const job = await cell.findJob(call, query.jobId);
  if (job === undefined) throw notFound('job', query.jobId);
  const found = matchesJobAlone(filter, job)
    ? job.tasks.filter(({ record }) => matchesTask(filter, record))
    : [];
  const sorted = found
    .map(({ id, record }) => ({ id, createdAtMs: record.createdAtMs, record }))
    .sort(byCreation);
  const { items, pagination } = answerPage(call, sorted, page);
  return {
    items: items.flatMap(({ record }) =>
      record.task === undefined ? [] : [projectTask(record.task, selection)],
    ),
    pagination,
  };
}
