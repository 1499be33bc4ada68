import type { JobCalls, PageOptions } from '@berth/client';
import type { Job, JobCluster, Task } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { State, stateName } from '@berth/shared/model/task/task-state';
import { shortTaskId } from '../format/jobs/job-facts.js';

/** The maximum number of entities in one call. */
const pageSize = 1000;

type Criteria = Readonly<Record<string, string>>;

/** Selects jobs and their fields; no fields means all of them. */
interface JobsWanted {
  readonly states: readonly State[];
  readonly criteria?: Criteria;
  readonly fields?: readonly string[];
}

/** The fields of a job for `berth ps`. The containers, by far the largest part, are not among them. */
export const listedJobFields: readonly string[] = [
  'jobDescriptor.batch',
  'jobDescriptor.service',
  'jobDescriptor.mantis',
  'jobClusterId',
  'jobState',
  'stateChanges',
  'tasks.id',
  'tasks.state',
  'tasks.taskContext',
];

export const liveStates: readonly State[] = [State.QUEUED, State.DISPATCHED, State.STARTING, State.RUNNING];
export const allStates: readonly State[] = [...liveStates, State.FINISHED, State.FAILED];

/**
 * Finds the jobs in these states, the oldest first. A job that changes its state between two calls is found
 * once. The reason: states only move forward, and the calls ask for them in that order.
 */
export async function findAllJobs(calls: JobCalls, wanted: JobsWanted): Promise<Job[]> {
  const { states, criteria = {}, fields = [] } = wanted;
  const found = new Map<string, Job>();
  const filters =
    states.length === allStates.length ? [{}] : states.map((state) => ({ jobState: stateName(state) }));
  for (const filter of filters) {
    const query = { fiterlingCriteria: { ...criteria, ...filter }, fields: [...fields] };
    const jobs = await allPages((page, options) => calls.findJobs({ ...query, page }, options));
    for (const job of jobs) found.set(job.id, job);
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).sort(byCreation);
}

/** Finds all tasks of a job, ordered by the numbers in their ids: stage, slot and attempt. */
export async function findAllTasks(calls: JobCalls, jobId: string): Promise<Task[]> {
  const tasks = await allPages((page, options) => calls.findTasks({ jobId, page }, options));
  return tasks.sort(byNumbers);
}

/** Finds all clusters that satisfy the criteria, the oldest first. */
export function findAllClusters(calls: JobCalls, criteria: Criteria = {}): Promise<JobCluster[]> {
  return allPages((page, options) =>
    calls.findJobClusters({ fiterlingCriteria: { ...criteria }, page }, options),
  );
}

interface Listed<T> {
  readonly items: T[];
  readonly nextCursor?: string;
}

/** Reads page after page by cursor. So nothing is skipped or repeated while entities come and go. */
async function allPages<T>(
  find: (page: { pageSize: number }, options: PageOptions) => Promise<Listed<T>>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  do {
    const { items, nextCursor } = await find({ pageSize }, cursor === undefined ? {} : { cursor });
    all.push(...items);
    cursor = nextCursor;
  } while (cursor !== undefined);
  return all;
}

const inNumericOrder = new Intl.Collator('en', { numeric: true });

/** As texts, slot 10 would come before slot 2. */
function byNumbers(a: Task, b: Task): number {
  return inNumericOrder.compare(shortTaskId(a.id), shortTaskId(b.id));
}

function byCreation(a: Job, b: Job): number {
  const [left = '', right = ''] = [a.stateChanges[0]?.timestamp, b.stateChanges[0]?.timestamp];
  return left < right ? -1 : left > right ? 1 : 0;
}
