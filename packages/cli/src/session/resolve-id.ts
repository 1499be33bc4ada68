import type { JobCalls } from '@berth/client';
import { BerthError } from '@berth/shared/model/errors/errors';
import { jobIdOfTask } from '@berth/shared/model/job/job';
import { UsageError } from '../errors/usage-error.js';
import { allStates, findAllJobs, findAllTasks } from './listing.js';

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

/** Slot and attempt, the stage before them where there are stages. */
const fullOwnPart = /^(\d+-)?\d+-\d+$/;

/** Lists hold what is not yet archived, and only they can be searched by the beginning of an id. */
const archiveAdvice =
  'Beginnings of ids find only what is not yet archived; a whole id also finds what is in the archive.';

/**
 * The job or task that is meant: by its id, or by a beginning of it that no other has. A task's id is its job's, a dot
 * and a part of its own. A whole id that is in no list is taken as it is: what it names may be in the archive.
 * @throws UsageError where several fit; BerthError notFound where none does.
 */
export async function resolve(calls: JobCalls, given: string): Promise<Target> {
  const dot = given.indexOf('.');
  if (dot < 0) return { kind: 'job', id: await resolveJob(calls, given) };
  const jobId = await resolveJob(calls, jobIdOfTask(given));
  const own = given.slice(dot + 1);
  const ids = (await findAllTasks(calls, jobId)).map(({ id }) => id);
  const fitting = ids.filter((id) => isBeginning(own, id.slice(jobId.length + 1)));
  const id = `${jobId}.${own}`;
  if (fitting.length === 0 && fullOwnPart.test(own)) return { kind: 'task', id };
  return { kind: 'task', id: pick('task', given, { ids: fitting, whole: id }) };
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
  const ids = jobs.map(({ id }) => id).filter((id) => id.startsWith(prefix));
  return pick('job', given, { ids, whole: prefix });
}

/** Whether the part begins so. Its numbers are whole: `1` begins `1-0`, and not `10-0`. */
function isBeginning(beginning: string, ownPart: string): boolean {
  return beginning === '' || `${ownPart}-`.startsWith(beginning.endsWith('-') ? beginning : `${beginning}-`);
}

interface Choice {
  /** Those that begin as was given. */
  readonly ids: readonly string[];
  /** What was given, as the whole id that it may be. */
  readonly whole: string;
}

function pick(kind: Target['kind'], given: string, { ids, whole }: Choice): string {
  const [only] = ids.includes(whole) ? [whole] : ids;
  if (only === undefined) {
    throw new BerthError(
      'notFound',
      `There is no ${kind} whose id is ${JSON.stringify(given)}, or begins so. ${archiveAdvice}`,
    );
  }
  if (only === whole || ids.length === 1) return only;
  const more = ids.length > maxCandidates ? [`and ${ids.length - maxCandidates} more`] : [];
  const shown = ids.slice(0, maxCandidates);
  throw new UsageError(`${JSON.stringify(given)} may mean ${ids.length} ${kind}s:`, [...shown, ...more]);
}
