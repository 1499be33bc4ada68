import type { JobCalls } from '@berth/client';
import { BerthError } from '@berth/shared/model/errors/errors';
import { jobIdOfTask } from '@berth/shared/model/task/task-id';
import { UsageError } from '../errors/usage-error.js';
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

/** Lists hold only entities that are not archived. So only these can be found by a prefix. */
const archiveAdvice =
  'Prefixes of ids find only jobs and tasks that are not archived; a full id also searches the archive.';

/**
 * Finds the job or task for an id or for a unique prefix of one. A task's id is its job's id, a dot, and a
 * part of its own. A full id that is in no list is returned as it is: the entity may be in the archive.
 * @throws UsageError if several fit; BerthError notFound if none does.
 */
export async function resolve(calls: JobCalls, given: string): Promise<ResolvedId> {
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

/** Does the same for ids that must be jobs. */
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
      `There is no ${kind} with the id or the prefix ${JSON.stringify(given)}. ${archiveAdvice}`,
    );
  }
  if (only === whole || ids.length === 1) return only;
  const more = ids.length > maxCandidates ? [`and ${ids.length - maxCandidates} more`] : [];
  const shown = ids.slice(0, maxCandidates);
  throw new UsageError(`${JSON.stringify(given)} may mean ${ids.length} ${kind}s:`, [...shown, ...more]);
}
