import { type ClusterStatusRecord, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { nextRuns } from '@berth/shared/model/schedule/schedule';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aCluster, clusterInput, cron } from '../../testing/cluster-fixtures.js';
import { must, second, t0 } from '../../testing/fixtures.js';
import { decideCluster } from './schedule.js';

/** One pass of a master over a cluster: the time since the last pass, and true if its decision is written. */
const aLook = fc.record({
  afterMs: fc.integer({ min: 0, max: 40 * second }),
  isWritten: fc.boolean(),
  maxStarts: fc.integer({ min: 1, max: 8 }),
});

describe('any schedule, under any master and with any lost commits', () => {
  it('has each of its runs decided once, in order, and one job for each that started', () => {
    const aCase = fc.record({
      looks: fc.array(aLook, { minLength: 1, maxLength: 40 }),
      policy: fc.constantFrom('allow', 'forbid', 'replace'),
      expression: fc.constantFrom('*/7 * * * * *', '* * * * * *', '0,1,30 * * * * *'),
    });
    fc.assert(
      fc.property(aCase, ({ looks, policy, expression }) => {
        // No fire is missed: the deadline is longer than all looks together.
        const deadline = { 'berth.startingDeadlineSecs': '3600' };
        const record = aCluster({ labels: cron(expression, policy, deadline) });
        let status: ClusterStatusRecord | undefined;
        let nowMs = 0;
        const decided: { readonly atMs: number; readonly outcome: FireOutcome; readonly jobId: string }[] =
          [];
        const jobIds: string[] = [];
        for (const { afterMs, isWritten, maxStarts } of looks) {
          nowMs += afterMs;
          const input = clusterInput(record, nowMs, {
            maxStarts,
            ...(status === undefined ? {} : { status }),
          });
          const decision = decideCluster(input);
          if (!isWritten) continue;
          decided.push(...decision.runs);
          jobIds.push(...decision.jobs.map(({ id }) => id));
          status = {
            clusterId: 'c-1',
            firedThroughMs: decision.firedThroughMs,
            fires: [...decision.runs],
          };
        }
        const { schedule } = clusterInput(record, 0);
        const due = nextRuns(must(schedule), t0, decided.length);
        expect(decided.map(({ atMs }) => atMs)).toEqual(due);
        expect(due.every((atMs) => atMs <= t0 + nowMs)).toBe(true);
        expect(new Set(jobIds).size).toBe(jobIds.length);
        const started = decided.filter(({ outcome }) => outcome === FireOutcome.STARTED);
        expect(started.map(({ jobId }) => jobId)).toEqual(jobIds);
      }),
      { numRuns: 150 },
    );
  });
});
