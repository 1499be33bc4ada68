/* The least and the greatest number of live jobs of a cluster. Only Mantis clusters have such limits. */
import type { ClusterRecord, JobRecord } from '../../gen/berth/v1/store.js';
import type { JobClusterDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import { parseSchedule } from './schedule.js';

/** Live jobs of a cluster: so many are kept, and no more are let in. */
export interface ClusterLimits {
  readonly min: number;
  /** Infinity means no limit. */
  readonly max: number;
}

/** More jobs than this are no minimum but a service. */
const greatestMin = 100;

/** Returns the limits of the cluster; 0 to Infinity if it sets none. */
export function clusterLimits({ descriptor }: Pick<ClusterRecord, 'descriptor'>): ClusterLimits {
  const spec = descriptor?.clusterSpec;
  if (spec?.$case !== 'mantis') return { min: 0, max: Number.POSITIVE_INFINITY };
  return { min: spec.value.min, max: spec.value.max ?? Number.POSITIVE_INFINITY };
}

/** Everything that is wrong with the limits that a descriptor asks for. */
export function limitViolations(descriptor: JobClusterDescriptor): readonly FieldViolation[] {
  const { min, max } = clusterLimits({ descriptor });
  const violations: FieldViolation[] = [];
  const refuse = (field: 'min' | 'max', description: string) =>
    violations.push({ field: `mantis.${field}`, description });
  if (max === 0) refuse('max', 'is 0, so that no job could ever run: leave it out for no limit');
  if (min > max) refuse('min', `is ${min}, more than max, ${max}`);
  if (min > greatestMin) refuse('min', `is ${min}, but at most ${greatestMin} is allowed`);
  if (min > 0 && parseSchedule(descriptor).schedule !== undefined)
    refuse('min', 'has no place beside a schedule: its jobs come and go');
  return violations;
}

/** Free places that a choice is made among. */
const maxChoice = 32;

/**
 * Returns a free quota number for a new job. Undefined if the limit leaves none. Some live jobs hold no
 * number within the limit, because they are older than the limit or replaced other jobs. For each of them
 * the highest free number stays unused. So there are never more free numbers than jobs that may still be
 * created. Callers at the same time pass different choices, so that they do not all try the same number.
 */
export function freeQuotaNumber(
  max: number,
  live: Iterable<Pick<JobRecord, 'clusterPlace'>>,
  choice = 0,
): number | undefined {
  const taken = new Set<number>();
  let unplaced = 0;
  for (const { clusterPlace = 0 } of live) {
    if (clusterPlace === 0 || clusterPlace > max) unplaced += 1;
    else taken.add(clusterPlace);
  }
  const allowed = Math.min(max - taken.size - unplaced, maxChoice);
  if (allowed <= 0) return undefined;
  const free: number[] = [];
  for (let place = 1; free.length < allowed; place += 1) if (!taken.has(place)) free.push(place);
  return free[choice % free.length];
}
