/** Answers from memory; what has left it, from the archive. */
import type { Page } from '@berth/shared/gen/netflix/titus/titus_base';
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
import type { CellView } from '@berth/shared/model/cell-view';
import { type FieldViolation, invalidFields, notFound } from '@berth/shared/model/errors';
import { composeJob } from '@berth/shared/model/job';
import type { CallContext } from '@berth/shared/rpc/handlers';
import type { Cell } from './cell.js';
import { type JobView, jobViewOf } from './core/observe.js';
import { pageOf, pageViolations } from './core/page.js';
import {
  jobShape,
  parseSelection,
  projectJob,
  projectTask,
  type Shape,
  taskShape,
} from './core/projection.js';
import { type Filter, matchesJob, matchesJobAlone, matchesTask, parseFilter } from './core/query.js';
import { idViolations, refuseIf } from './requests.js';

/** The job with its tasks. */
export async function findJob(cell: Cell, { id }: JobId, call: CallContext): Promise<Job> {
  refuseIf(idViolations('id', id));
  const view = await cell.findJob(call, id);
  if (view === undefined) throw notFound('job', id);
  return toJob(view);
}

/** The jobs that meet the criteria, page by page, in the order of their creation. */
export async function findJobs(cell: Cell, query: JobQuery, call: CallContext): Promise<JobQueryResult> {
  const { filter, selection } = parseQuery(query, jobShape);
  const found = searchJobs(await cell.read(call), filter);
  const { items, pagination } = pageOf(
    found.map((view) => ({ id: view.job.id, createdAtMs: view.job.record.createdAtMs, view })),
    query.page,
  );
  return { items: items.map(({ view }) => projectJob(toJob(view), selection)), pagination };
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
  const { filter, selection } = parseQuery(query, taskShape, idViolations('jobId', query.jobId));
  const job = await cell.findJob(call, query.jobId);
  if (job === undefined) throw notFound('job', query.jobId);
  const found = matchesJobAlone(filter, job)
    ? job.tasks.filter(({ record }) => matchesTask(filter, record))
    : [];
  const { items, pagination } = pageOf(
    found.map(({ id, record }) => ({ id, createdAtMs: record.createdAtMs, record })),
    query.page,
  );
  return {
    items: items.flatMap(({ record }) =>
      record.task === undefined ? [] : [projectTask(record.task, selection)],
    ),
    pagination,
  };
}

function searchJobs(view: CellView, filter: Filter): readonly JobView[] {
  const found: JobView[] = [];
  const ids = filter.jobIds ?? [...view.all('job')].map(({ id }) => id);
  for (const id of ids) {
    const job = jobViewOf(view, id);
    if (job !== undefined && matchesJob(filter, job)) found.push(job);
  }
  return found;
}

function toJob({ job, status, tasks }: JobView): Job {
  return composeJob(
    job.record,
    status?.record,
    tasks.map(({ record }) => record),
  );
}

interface AnyQuery {
  readonly page: Page | undefined;
  readonly fiterlingCriteria: Readonly<Record<string, string>>;
  readonly fields: readonly string[];
}

/** What a query asks for, or INVALID_ARGUMENT that names all that is wrong with it, `others` included. */
function parseQuery(query: AnyQuery, shape: Shape, others: readonly FieldViolation[] = []) {
  const filter = parseFilter(query.fiterlingCriteria);
  const fields = parseSelection(query.fields, shape);
  const violations = [
    ...others,
    ...('violations' in filter ? filter.violations : []),
    ...('violations' in fields ? fields.violations : []),
    ...pageViolations(query.page),
  ];
  if ('violations' in filter || 'violations' in fields || violations.length > 0)
    throw invalidFields(violations);
  return { filter: filter.filter, selection: fields.selection };
}
