import type { JobRecord, Stop } from '@berth/shared/gen/berth/v1/store';
import { runtimeEndMs } from '@berth/shared/model/job/mantis';

const overText = 'the job ran longer than its runtime limit';

/**
 * Returns the reason to stop all tasks of the job, if there is one. A kill comes before the runtime limit.
 */
export function stopOfJob(job: JobRecord, nowMs: number): Pick<Stop, 'code' | 'text'> | undefined {
  if (job.kill !== undefined) return { code: 'killed', text: job.kill.text ?? '' };
  return nowMs >= runtimeEndMs(job) ? { code: 'runtimeLimitExceeded', text: overText } : undefined;
}
