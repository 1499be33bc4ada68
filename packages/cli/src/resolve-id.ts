import type { JobCalls } from '@berth/client/job-calls';
import { BerthError } from '@berth/shared/model/errors';
import { jobIdOfTask } from '@berth/shared/model/job';
import { allStates, findAllJobs, findAllTasks } from './listing.js';
import { UsageError } from './usage-error.js';

/** What an id on the command line means. */
export interface Target {
  readonly kind: 'job' | 'task';
  readonly id: string;
}

/** A shorter beginning may fit by accident, and what it fits may be killed. */
const minPrefixLength = 4;

/** How many of several possible ids an error names. */
const maxCandidates = 10;

const fullJobId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The job or task that is meant: by its id, or by a beginning of it that no other has. A task's id is its job's, a dot
 * and a part of its own. A whole id is taken as it is, without asking whether it exists.
 * @throws UsageError where several fit; BerthError notFound where none does.
 */
export async function resolve(calls: JobCalls, given: string): Promise<Target> {
  const dot = given.indexOf('.');
  if (dot < 0) return { kind: 'job', id: await resolveJob(calls, given) };
  const jobId = await resolveJob(calls, jobIdOfTask(given));
  const own = given.slice(dot);
  const ids = (await findAllTasks(calls, jobId)).map(({ id }) => id);
  return { kind: 'task', id: pick('task', given, { ids, prefix: `${jobId}${own}` }) };
}

/** The same for what must be a job. */
export async function resolveJob(calls: JobCalls, given: string): Promise<string> {
  const prefix = given.toLowerCase();
  if (fullJobId.test(prefix)) return prefix;
  if (given.includes('.'))
    throw new UsageError(`${JSON.stringify(given)} is a task's id, but a job's is needed.`);
  if (given.length < minPrefixLength) {
    throw new UsageError(
      `${JSON.stringify(given)} is too short for an id: at least ${minPrefixLength} characters are needed.`,
    );
  }
  const jobs = await findAllJobs(calls, { states: allStates, fields: ['id', 'stateChanges'] });
  return pick('job', given, { ids: jobs.map(({ id }) => id), prefix });
}

interface Choice {
  readonly ids: readonly string[];
  readonly prefix: string;
}

function pick(kind: Target['kind'], given: string, { ids, prefix }: Choice): string {
  const fitting = ids.filter((id) => id.startsWith(prefix));
  const [only] = fitting.includes(prefix) ? [prefix] : fitting;
  if (only === undefined) {
    throw new BerthError(
      'notFound',
      `There is no ${kind} whose id is ${JSON.stringify(given)}, or begins so.`,
    );
  }
  if (only === prefix || fitting.length === 1) return only;
  const more = fitting.length > maxCandidates ? [`and ${fitting.length - maxCandidates} more`] : [];
  const shown = fitting.slice(0, maxCandidates);
  throw new UsageError(`${JSON.stringify(given)} may mean ${fitting.length} ${kind}s:`, [...shown, ...more]);
}
