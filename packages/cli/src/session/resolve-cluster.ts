import type { JobCalls } from '@berth/client';
import type { Job } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { BerthError } from '@berth/shared/model/errors/errors';
import { defaultClusterId } from '@berth/shared/model/job/job';
import { UsageError } from '../errors/usage-error.js';
import { findAllClusters } from './listing.js';

/** A shorter prefix may fit by accident. */
const minPrefixLength = 4;

/**
 * Returns the id of the given cluster: by its id, by its name, or by a prefix of its id if no other cluster
 * fits.
 */
export async function resolveCluster(calls: JobCalls, given: string): Promise<string> {
  const clusters = await findAllClusters(calls);
  const byId = clusters.filter(({ id }) => id === given);
  const byName = clusters.filter(({ descriptor }) => descriptor?.name === given);
  const byPrefix = given.length < minPrefixLength ? [] : clusters.filter(({ id }) => id.startsWith(given));
  const fitting = [byId, byName, byPrefix].find((some) => some.length > 0) ?? [];
  const [only] = fitting;
  if (only === undefined)
    throw new BerthError('notFound', `There is no job cluster with the id or name ${JSON.stringify(given)}.`);
  if (fitting.length === 1) return only.id;
  throw new UsageError(
    `${JSON.stringify(given)} may mean ${fitting.length} job clusters:`,
    fitting.map(({ id, descriptor }) => `${id}  ${descriptor?.name ?? ''}`),
  );
}

/** Returns the names of the jobs' clusters by their ids. The cluster `default` needs no call. */
export async function clusterNames(
  calls: JobCalls,
  jobs: readonly Job[],
): Promise<ReadonlyMap<string, string>> {
  if (jobs.every(({ jobClusterId }) => jobClusterId === '' || jobClusterId === defaultClusterId))
    return new Map();
  const clusters = await findAllClusters(calls);
  return new Map(clusters.map(({ id, descriptor }) => [id, descriptor?.name ?? '']));
}
