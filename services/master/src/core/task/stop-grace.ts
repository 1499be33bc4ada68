import type { JobRecord } from '@berth/shared/gen/berth/v1/store';
import { containerOf } from '@berth/shared/model/job/job';
import { killGraceMsOf } from '@berth/shared/model/job/kill-grace';
import type { Limits } from './limits.js';

/** Returns the time between the stop signal and SIGKILL for the tasks of that stage of the job. */
export function stopGraceMs(
  job: Pick<JobRecord, 'descriptor'> | undefined,
  stage: number,
  { killGraceMs, maxKillGraceMs }: Limits,
): number {
  const container = job?.descriptor && containerOf(job.descriptor, stage);
  return killGraceMsOf(container, { usualMs: killGraceMs, maxMs: maxKillGraceMs });
}
