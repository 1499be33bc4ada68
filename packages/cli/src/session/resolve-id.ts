import type { JobCalls } from '@berth/client';
import type { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { isTerminal, stateName } from '@berth/shared/model/task/task-state';
import { UsageError } from '../errors/usage-error.js';
import { stateOf } from '../format/jobs/job-facts.js';
import { allStates, findAllJobs, findAllTasks } from './listing.js';

/** The entity that an id on the command line stands for. */
export interface ResolvedId {
  readonly kind: 'job' | 'task';
  readonly id: string;
}

/** A shorter prefix may fit by accident, and the entity may be killed. */
const minPrefixLength = 4;

/** The maximum number of candidates in an error. */
const maxCandidates = 10;

const fullJobId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Slot and attempt, with the stage before them if the job has stages. */
const fullOwnPart = /^(\d+-)?\d+-\d+$/;

/** The same, as far as it is given. */
const taskPart = /^[\d-]*$/;

/** Lists hold only entities that are not archived. So only these can be found by a name or a prefix. */
const archiveAdvice =
  'Names and prefixes find only jobs and tasks that are not archived; a full id also searches the archive.';

/**
 * Finds the job or task for an id, for a unique prefix of one, or for the name of a job. A task's id is its
 * job's id, a dot, and a part of its own; the name of the job can stand before the dot, too. A full id that
 * is in no list is returned as it is: the entity may be in the archive.
 * @throws UsageError if several fit; BerthError notFound if none does.
 */
export async function resolve(calls: JobCalls, given: string): Promise<ResolvedId> {
  // Names of jobs may hold dots, but the own part of a task never does.
  const dot = given.lastIndexOf('.');
  const isTask = dot >= 0 && taskPart.test(given.slice(dot + 1)) && !(await isJobName(calls, given));
  if (!isTask) return { kind: 'job', id: await resolveJob(calls, given) };
  const jobId = await resolveJob(calls, given.slice(0, dot));
  const own = given.slice(dot + 1);
  const ids = (await findAllTasks(calls, jobId)).map(({ id }) => id);
  const fitting = ids.filter((id) => isBeginning(own, id.slice(jobId.length + 1)));
  const id = `${jobId}.${own}`;
  if (fitting.length === 0 && fullOwnPart.test(own)) return { kind: 'task', id };
  return { kind: 'task', id: pick('task', given, { ids: fitting, whole: id }) };
}

/** Does the same for ids and names that must be of jobs. */
export async function resolveJob(calls: JobCalls, given: string): Promise<string> {
  const prefix = given.toLowerCase();
  if (fullJobId.test(prefix)) return prefix;
  const jobs = await findAllJobs(calls, { states: allStates, fields: resolvedFields });
  const named = jobsNamed(jobs, given);
  const isPrefix = given.length >= minPrefixLength && !given.includes('.');
  const ids = jobs.map(({ id }) => id).filter((id) => isPrefix && id.startsWith(prefix));
  const [only] = named;
  if (only !== undefined) {
    if (named.length === 1 && ids.every((id) => id === only.id)) return only.id;
    throw ambiguousName(given, [...named, ...jobs.filter(({ id }) => ids.includes(id) && id !== only.id)]);
  }
  if (isPrefix) return pick('job', given, { ids, whole: prefix });
  if (isTaskId(given))
    throw new UsageError(`${JSON.stringify(given)} is a task's id, but a job's is needed.`);
  throw given.length < minPrefixLength ? tooShort(given) : pickNothing(given);
}

function isTaskId(given: string): boolean {
  return given.includes('.') && taskPart.test(given.slice(given.lastIndexOf('.') + 1));
}

const resolvedFields = ['id', 'stateChanges', 'jobState', 'jobDescriptor.appName'];

/** True for the name of a job, even if it looks like the id of a task, such as `api.1`. */
async function isJobName(calls: JobCalls, given: string): Promise<boolean> {
  if (fullJobId.test(given.slice(0, given.lastIndexOf('.')).toLowerCase())) return false;
  const jobs = await findAllJobs(calls, { states: allStates, fields: resolvedFields });
  return jobsNamed(jobs, given).length > 0;
}

/** Returns the live jobs of this name. If there is none, it returns the ended ones. */
function jobsNamed(jobs: readonly Job[], name: string): readonly Job[] {
  const all = jobs.filter(({ jobDescriptor }) => jobDescriptor?.appName === name);
  const live = all.filter((job) => !isTerminal(stateOf({ state: job.jobState })));
  return live.length > 0 ? live : all;
}

function ambiguousName(given: string, jobs: readonly Job[]): UsageError {
  const lines = [...new Map(jobs.map((job) => [job.id, job])).values()].map(
    ({ id, jobState, jobDescriptor }) =>
      `${id}  ${jobDescriptor?.appName ?? ''}  ${stateName(jobState?.state ?? 0)}`,
  );
  return new UsageError(`${JSON.stringify(given)} may mean ${lines.length} jobs:`, shorten(lines));
}

function tooShort(given: string): UsageError {
  return new UsageError(
    `${JSON.stringify(given)} is the name of no job, and too short for an id: at least ${minPrefixLength} characters are needed.`,
  );
}

function pickNothing(given: string): BerthError {
  return new BerthError(
    'notFound',
    `There is no job with the name ${JSON.stringify(given)}. ${archiveAdvice}`,
  );
}

/**
 * True if the part begins with the given text. Numbers are compared as a whole: `1` begins `1-0`, but not
 * `10-0`.
 */
function isBeginning(beginning: string, ownPart: string): boolean {
  return beginning === '' || `${ownPart}-`.startsWith(beginning.endsWith('-') ? beginning : `${beginning}-`);
}

interface Choice {
  /** The ids with the given prefix. */
  readonly ids: readonly string[];
  /** The given text as a full id. */
  readonly whole: string;
}

function pick(kind: ResolvedId['kind'], given: string, { ids, whole }: Choice): string {
  const [only] = ids.includes(whole) ? [whole] : ids;
  if (only === undefined) {
    throw new BerthError(
      'notFound',
      `There is no ${kind} with the name, the id or the prefix ${JSON.stringify(given)}. ${archiveAdvice}`,
    );
  }
  if (only === whole || ids.length === 1) return only;
  throw new UsageError(`${JSON.stringify(given)} may mean ${ids.length} ${kind}s:`, shorten(ids));
}

function shorten(lines: readonly string[]): readonly string[] {
  const more = lines.length > maxCandidates ? [`and ${lines.length - maxCandidates} more`] : [];
  return [...lines.slice(0, maxCandidates), ...more];
}
