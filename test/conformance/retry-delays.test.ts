import { readFileSync } from 'node:fs';
import { RetryPolicy } from '@berth/shared/gen/netflix/titus/titus_base';
import { policyDelayMs } from '@berth/shared/model/job/retry-policy';
import { describe, expect, it } from 'vitest';

const page = readFileSync(new URL('../../docs/jobs-and-tasks.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `(\{"(?:immediate|delayed|exponential).*)` \| ([\d., ]+) \|$/gm)].map(
  ([, policy = '', delays = '']) => ({ policy, delays: delays.split(', ').map(Number) }),
);

describe('the table of retry delays in the docs', () => {
  it('has every kind of policy', () => {
    expect(new Set(rows.map(({ policy }) => Object.keys(JSON.parse(policy))[0]))).toEqual(
      new Set(['immediate', 'delayed', 'exponentialBackOff']),
    );
    expect(rows.length).toBeGreaterThan(10);
  });

  it.each(rows)('is what the code yields: $policy', ({ policy, delays }) => {
    const parsed = RetryPolicy.fromJSON(JSON.parse(policy)).policy;
    const yielded = delays.map((_, retry) => (parsed ? policyDelayMs(parsed, retry) / 1000 : undefined));
    expect(yielded).toEqual(delays);
  });
});
