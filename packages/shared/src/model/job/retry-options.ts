import type { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import type { FieldViolation } from '../errors/errors.js';
import { isSystemCode } from '../task/failure.js';
import { jobKind } from './job.js';

/** `true`: a task that ran longer than its runtime limit is tried again as any other failed task. */
export const retryRuntimeLimitLabel = 'berth.retryRuntimeLimit';

/** `never`: nothing of the job is started a second time. */
export const retriesLabel = 'berth.retries';

type Labelled = Pick<JobDescriptor, 'labels'>;

/** True if no task of the job may be started a second time, for any reason. */
export function isAtMostOnce({ labels }: Labelled): boolean {
  return labels[retriesLabel] === 'never';
}

/** True if a task that ran longer than its runtime limit is tried again. */
export function retriesRuntimeLimit({ labels }: Labelled): boolean {
  return labels[retryRuntimeLimitLabel] === 'true';
}

/**
 * The budget of another attempt: the retries of the user's policy, or the system's own attempts, which have
 * no limit. `none`: there is no other attempt.
 */
export type RetryBudget = 'none' | 'user' | 'system';

/** Returns the budget of another attempt after a batch task has FAILED with that code. */
export function retryBudgetAfter(descriptor: Labelled, code: string): RetryBudget {
  // Only an agent that refuses a task is certain that nothing of the task was started.
  if (isAtMostOnce(descriptor) && code !== 'refused') return 'none';
  if (isSystemCode(code)) return 'system';
  return code === 'runtimeLimitExceeded' && !retriesRuntimeLimit(descriptor) ? 'none' : 'user';
}

/** Returns the faults in the labels about retries. */
export function retryOptionViolations(descriptor: JobDescriptor): readonly FieldViolation[] {
  const violations: FieldViolation[] = [];
  const refuse = (label: string, description: string) =>
    violations.push({ field: `labels[${JSON.stringify(label)}]`, description });
  const { labels } = descriptor;
  const kind = jobKind(descriptor) ?? 'batch';
  for (const [label, values] of [
    [retryRuntimeLimitLabel, ['true', 'false']],
    [retriesLabel, ['never']],
  ] as const) {
    const value = Object.hasOwn(labels, label) ? labels[label] : undefined;
    if (value === undefined) continue;
    const isKnown = (values as readonly string[]).includes(value);
    if (!isKnown)
      refuse(label, `is ${JSON.stringify(value.slice(0, 60))}, but must be ${values.join(' or ')}`);
    else if (kind !== 'batch')
      refuse(label, `is for batch jobs only: a ${kind} job replaces each ended task`);
  }
  return violations;
}
