/* How many jobs a cluster keeps, and how many it lets live at the same time. Only Mantis clusters say. */
import type { ClusterRecord, JobRecord } from '../../gen/berth/v1/store.js';
import type { JobClusterDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import { parseSchedule } from './schedule.js';

/** Live jobs of a cluster: so many are kept, and no more are let in. */
export interface ClusterLimits {
  readonly min: number;
  /** Infinity where there is no limit. */
  readonly max: number;
}

/** More jobs than this are no minimum but a service. */
const greatestMin = 100;

/** The limits of the cluster; from 0 to Infinity where it says none. */
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
 * A place that a new job may hold among the live ones; undefined where the limit leaves none. Jobs of the cluster that hold
 * none within the limit, since they were there before it or took the place of others, take one each of those that are free,
 * from the upper end: so that as many are left as jobs may come, whoever creates them at the same time. Who takes places at
 * the same time as others gives a number of its own, so that not all try for the same one.
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
