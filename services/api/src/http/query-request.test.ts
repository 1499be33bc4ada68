import { readFileSync } from 'node:fs';
import { ObserveRequest } from '@berth/shared/gen/berth/v1/observe_service';
import { describe, expect, it } from 'vitest';
import { kindNames, subscriptionRequest } from './query-request.js';

const subscriptionOf = (query: string) =>
  ObserveRequest.toJSON(subscriptionRequest({ query: new URLSearchParams(query) }) as ObserveRequest);

describe('the kinds of a subscription', () => {
  it('are all named in docs/http.md', () => {
    const page = readFileSync(new URL('../../../../docs/http.md', import.meta.url), 'utf8');
    const [, named = ''] = /`kinds` is any of ([A-Z_,\s]+), and\s+all/.exec(page) ?? [];
    expect(named.split(/,\s+/).sort()).toEqual([...kindNames].sort());
  });

  it('are accepted with and without the prefix of the contract', () => {
    const long = subscriptionOf('kinds=OBSERVED_KIND_JOB,OBSERVED_KIND_AGENT_DRAIN');
    expect(subscriptionOf('kinds=JOB&kinds=AGENT_DRAIN')).toEqual(long);
    expect(() => subscriptionOf('kinds=UNSPECIFIED')).toThrow('"UNSPECIFIED" is none of CLUSTER, JOB');
  });
});
