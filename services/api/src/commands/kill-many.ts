import type { Empty } from '@berth/shared/gen/google/protobuf/empty';
import type { JobIds, TaskIds } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError, type IdFailure, partialFailure } from '@berth/shared/model/errors/errors';
import type { CallContext } from '@berth/shared/rpc/calls/handlers';
import type { Cell } from '../gateway/cell.js';
import { maxIdsPerCall } from '../gateway/core/limits.js';
import { refuseIf } from '../gateway/request-checks.js';
import { killJob, killTask } from './job-commands.js';

/** The number of ids in work at a time. */
const concurrency = 64;

/**
 * Requests the end of all these jobs. It attempts every id; the error names those that failed, each with its
 * reason.
 */
export function killJobs(cell: Cell, { id: ids }: JobIds, call: CallContext): Promise<Empty> {
  return attemptAll(ids, 'kills of jobs', (id) => killJob(cell, { id }, call));
}

/**
 * Requests the end of all these tasks, which may be of many jobs. It attempts every id; the error names those
 * that failed, each with its reason.
 */
export function killTasks(cell: Cell, { id: ids }: TaskIds, call: CallContext): Promise<Empty> {
  return attemptAll(ids, 'kills of tasks', (id) => killTask(cell, { id }, call));
}

async function attemptAll(
  given: readonly string[],
  what: string,
  attempt: (id: string) => Promise<unknown>,
): Promise<Empty> {
  const ids = [...new Set(given)];
  const description = `names ${ids.length}, but at most ${maxIdsPerCall} are allowed in one call`;
  refuseIf(ids.length > maxIdsPerCall ? [{ field: 'id', description }] : []);
  const failures: (IdFailure | undefined)[] = [];
  const queue = ids.entries();
  const work = async () => {
    for (const [index, id] of queue) failures[index] = await outcomeOf(id, attempt);
  };
  const workers = await Promise.allSettled(Array.from({ length: concurrency }, work));
  for (const worker of workers) if (worker.status === 'rejected') throw worker.reason;
  const failed = failures.filter((failure) => failure !== undefined);
  if (failed.length > 0) throw partialFailure(what, failed, ids.length);
  return {};
}

/** Returns the failure of the attempt; undefined if it succeeded. An internal error fails the whole call. */
async function outcomeOf(
  id: string,
  attempt: (id: string) => Promise<unknown>,
): Promise<IdFailure | undefined> {
  try {
    await attempt(id);
    return undefined;
  } catch (error) {
    if (error instanceof BerthError) return { id, code: error.code, message: error.message };
    throw error;
  }
}
