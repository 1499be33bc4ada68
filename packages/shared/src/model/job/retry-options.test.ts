import { describe, expect, it } from 'vitest';
import { JobDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { retryBudgetAfter, retryOptionViolations } from './retry-options.js';

type Spec = NonNullable<JobDescriptor['jobSpec']>['$case'];

function aDescriptor(labels: Record<string, string>, kind: Spec = 'batch'): JobDescriptor {
  return {
    ...JobDescriptor.create({ labels }),
    jobSpec: { $case: kind, value: {} } as JobDescriptor['jobSpec'],
  };
}

describe('another attempt after a failure', () => {
  it.each([
    [{}, 'failed', 'user'],
    [{}, 'oom', 'user'],
    [{}, 'invalidRequest', 'user'],
    [{}, 'agentLost', 'system'],
    [{}, 'refused', 'system'],
    [{}, 'runtimeLimitExceeded', 'none'],
    [{ 'berth.retryRuntimeLimit': 'false' }, 'runtimeLimitExceeded', 'none'],
    [{ 'berth.retryRuntimeLimit': 'true' }, 'runtimeLimitExceeded', 'user'],
    [{ 'berth.retries': 'never' }, 'failed', 'none'],
    [{ 'berth.retries': 'never' }, 'agentLost', 'none'],
    [{ 'berth.retries': 'never' }, 'systemError', 'none'],
    [{ 'berth.retries': 'never' }, 'refused', 'system'],
    [{ 'berth.retries': 'never', 'berth.retryRuntimeLimit': 'true' }, 'runtimeLimitExceeded', 'none'],
  ] as const)('of a job with the labels %j that ended %s: %s', (labels, code, budget) => {
    expect(retryBudgetAfter(aDescriptor(labels), code)).toBe(budget);
  });
});

describe('a label about retries', () => {
  const said = (...given: Parameters<typeof aDescriptor>) =>
    retryOptionViolations(aDescriptor(...given)).map(({ field, description }) => `${field} ${description}`);

  it('is right on a batch job', () => {
    expect(said({ 'berth.retries': 'never', 'berth.retryRuntimeLimit': 'true' })).toEqual([]);
  });

  it('has only certain values', () => {
    expect(said({ 'berth.retries': '3', 'berth.retryRuntimeLimit': 'yes' })).toEqual([
      'labels["berth.retryRuntimeLimit"] is "yes", but must be true or false',
      'labels["berth.retries"] is "3", but must be never',
    ]);
  });

  it.each(['service', 'mantis'] as const)('is refused on a %s job', (kind) => {
    expect(said({ 'berth.retries': 'never' }, kind)).toEqual([
      `labels["berth.retries"] is for batch jobs only: a ${kind} job replaces each ended task`,
    ]);
  });
});
