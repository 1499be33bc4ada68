import { State } from '@berth/shared/gen/netflix/titus/titus_job_api';
import { describe, expect, it } from 'vitest';
import { liveJobs } from '../../gateway/core/job-with-tasks.js';
import { aBatchJob, aServiceJob } from '../../testing/fixtures.js';
import { jobWrite, moveWrite, ScriptedCell, statusWrite, taskWrite } from '../../testing/scripted-cell.js';
import { parseFilter } from './query.js';

const cell = new ScriptedCell();
cell.commit(
  jobWrite('web', {
    descriptor: aServiceJob({
      appName: 'web',
      labels: { team: 'ui', stack: 'main' },
      jobGroupInfo: { stack: 'main', sequence: '001' },
    }),
  }),
  statusWrite('web', State.RUNNING),
  moveWrite(taskWrite('web.0-0').record, State.FAILED, 'oom'),
  taskWrite('web.1-0'),
  jobWrite('sum', {
    descriptor: aBatchJob({
      appName: 'sum',
      owner: { ownerEmail: 'bob@x', teamEmail: 'sums@x' },
      labels: { team: 'data', 'berth.capacityGroup': 'adding' },
    }),
  }),
  taskWrite('sum.0-0', { agentId: 'a1' }),
);

function found(criteria: Record<string, string>, isDraining?: (agentId: string) => boolean): string[] {
  const parsed = parseFilter(criteria, isDraining);
  if ('violations' in parsed) throw new Error(JSON.stringify(parsed.violations));
  return [...liveJobs(cell)].filter((job) => parsed.filter.everyTest(job)).map(({ job }) => job.id);
}

describe('parseFilter', () => {
  it.each<[Record<string, string>, string[]]>([
    [{}, ['web', 'sum']],
    [{ jobIds: 'sum, other' }, ['sum']],
    [{ taskIds: 'web.1-0' }, ['web']],
    [{ owner: 'sums@x' }, ['sum']],
    [{ owner: 'bob@x' }, ['sum']],
    [{ appName: 'web' }, ['web']],
    [{ applicationName: 'web,sum' }, ['web', 'sum']],
    [{ jobType: 'batch' }, ['sum']],
    [{ labels: 'team' }, ['web', 'sum']],
    [{ labels: 'team:ui' }, ['web']],
    [{ labels: 'team:ui,team:data' }, ['web', 'sum']],
    [{ attributes: 'team,stack:main' }, ['web']],
    [{ labels: 'team:data,stack:main' }, []],
    [{ labels: 'team:data,stack:main', 'labels.op': 'or' }, ['web', 'sum']],
    [{ labels: 'constructor' }, []],
    [{ jobState: 'running' }, ['web']],
    [{ jobState: 'QUEUED' }, ['sum']],
    [{ jobState: 'QUEUED,RUNNING' }, ['web', 'sum']],
    [{ jobClusterIds: 'default,other' }, ['web', 'sum']],
    [{ jobClusterIds: 'other' }, []],
    [{ imageName: 'busybox' }, ['web', 'sum']],
    [{ imageName: 'busybox:1' }, ['web', 'sum']],
    [{ imageTag: '2' }, []],
    [{ jobGroupStack: 'main', jobGroupSequence: '001' }, ['web']],
    [{ jobGroupDetail: 'x' }, []],
    [{ imageTag: '1' }, ['web', 'sum']],
    [{ jobGroupSequence: '001,002' }, ['web']],
    [{ capacityGroup: 'adding' }, ['sum']],
    [{ capacityGroup: 'web' }, ['web']],
    [{ capacityGroup: 'sum' }, []],
    [{ taskIds: 'web.1-0', jobIds: 'web,sum' }, ['web']],
    [{ taskIds: 'web.1-0,sum.0-0', jobIds: 'sum' }, ['sum']],
    [{ taskIds: 'web.7-0' }, []],
    [{ agentIds: 'a1' }, ['sum']],
    [{ taskStates: 'FAILED', skipSystemFailures: 'true' }, ['web']],
    [{ taskStates: 'FAILED' }, ['web']],
    [{ taskStates: 'any' }, ['web', 'sum']],
    [{ taskStateReasons: 'oom' }, ['web']],
    [{ taskStates: 'QUEUED', taskStateReasons: 'oom' }, []],
    [{ taskStates: 'FAILED', jobType: 'batch' }, []],
  ])('finds by %j the jobs %j', (criteria, ids) => {
    expect(found(criteria)).toEqual(ids);
  });

  it('finds the jobs with tasks on drained agents by needsMigration, if drains are known', () => {
    const isDraining = (agentId: string) => agentId === 'a1';
    expect(found({ needsMigration: 'true' }, isDraining)).toEqual(['sum']);
    expect(found({ needsMigration: 'false' }, isDraining)).toEqual(['web']);
    expect(found({ needsMigration: 'true' }, () => false)).toEqual([]);
    expect(parseFilter({ needsMigration: 'true' })).toHaveProperty('violations');
    expect(parseFilter({ needsMigration: 'perhaps' }, isDraining)).toHaveProperty('violations');
  });

  it('names every wrong criterion, and all known ones', () => {
    const wrong = {
      color: 'red',
      jobState: 'RUNNING,ASLEEP',
      skipSystemFailures: 'maybe',
      jobType: 'cron',
      taskStates: 'odd',
      'labels.op': 'xor',
      owner: ' , ',
    };
    const parsed = parseFilter(wrong);
    const violations = 'violations' in parsed ? parsed.violations : [];
    expect(violations.map(({ field }) => field).sort()).toEqual(
      Object.keys(wrong)
        .map((key) => `fiterlingCriteria["${key}"]`)
        .sort(),
    );
    expect(violations.find(({ field }) => field.includes('color'))?.description).toContain(
      'known are jobIds, taskIds, jobClusterIds, owner',
    );
  });
});
