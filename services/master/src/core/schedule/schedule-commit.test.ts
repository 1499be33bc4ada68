import { JobRecord } from '@berth/shared/gen/berth/v1/store';
import { jobClaims } from '@berth/shared/model/job/job';
import { describe, expect, it } from 'vitest';
import { aCluster, aClusterJob } from '../../testing/cluster-fixtures.js';
import { commitOfDecision } from './schedule-commit.js';

const cluster = { id: 'c-1', revision: 3, record: aCluster({ mantis: {} }) };
const nothing = { firedThroughMs: 0, runs: [], jobs: [], nextDueMs: Number.POSITIVE_INFINITY };
const stop = { atMs: 1, by: 'schedule/c-1', text: undefined };

describe('the commit of a schedule’s decision', () => {
  it('gives back the type of a job that it ends, so that a new one may have it at once', () => {
    const { job, status } = aClusterJob({ id: 'old' });
    const record = JobRecord.fromPartial({
      ...job.record,
      descriptor: {
        jobSpec: { $case: 'mantis', value: { name: 'pipeline', jobSLA: { userProvidedType: 'eu' } } },
      },
    });
    const kills = [{ job: { ...job, record }, status, stop }];
    const commit = commitOfDecision(cluster, undefined, { ...nothing, kills });
    expect(commit.releaseClaims).toEqual(jobClaims(record).map((name) => ({ name, owner: 'old' })));
    expect(commit.releaseClaims).toHaveLength(1);
  });

  it('gives nothing back for a job without a type', () => {
    const kills = [{ ...aClusterJob(), stop }];
    const commit = commitOfDecision(cluster, undefined, { ...nothing, kills });
    expect(commit.releaseClaims).toEqual([]);
  });
});
