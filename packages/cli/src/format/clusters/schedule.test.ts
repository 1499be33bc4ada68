import { ClusterSchedule, ReplaceOrder, SchedulePolicy } from '@berth/shared/gen/berth/v1/schedule_service';
import { FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { State } from '@berth/shared/model/task/task-state';
import { describe, expect, it } from 'vitest';
import { colorizer } from '../../terminal/colors.js';
import { runRow, scheduleDetail, zonedTime } from './schedule.js';

const plain = colorizer(false);
const at = Date.UTC(2026, 9, 25, 0, 30);

describe('the time of a run', () => {
  it('is shown in the zone of the schedule with its offset, so that both passes of an hour differ', () => {
    expect(zonedTime(at, 'Europe/Berlin')).toBe('Sun 2026-10-25 02:30:00 +02:00');
    expect(zonedTime(at + 3_600_000, 'Europe/Berlin')).toBe('Sun 2026-10-25 02:30:00 +01:00');
    expect(zonedTime(at, 'UTC')).toBe('Sun 2026-10-25 00:30:00 +00:00');
  });

  it('is in a row with UTC and the remaining time', () => {
    expect(runRow(at, 'Australia/Lord_Howe', at - 90 * 60_000)).toEqual([
      'Sun 2026-10-25 11:30:00 +11:00',
      '2026-10-25T00:30:00.000Z',
      '1h30m',
    ]);
  });
});

describe('a schedule in detail', () => {
  const schedule = ClusterSchedule.fromPartial({
    clusterId: 'c-1',
    clusterName: 'nightly',
    cronSpec: '30 2 * * *',
    timeZone: 'Europe/Berlin',
    policy: SchedulePolicy.FORBID,
    startingDeadlineMs: 300_000,
    enabled: true,
    nextFireAtMs: at,
    lastFires: [
      { atMs: at - 2 * 86_400_000, outcome: FireOutcome.STARTED, jobId: 'job-1' },
      { atMs: at - 86_400_000, outcome: FireOutcome.SKIPPED, text: 'job job-1 is live' },
    ],
  });
  const lines = (fields: Partial<ClusterSchedule> = {}) =>
    scheduleDetail({ schedule: { ...schedule, ...fields } }, at - 60_000, plain);

  it('shows the next run, the policy, and the outcome of the last runs, the newest first', () => {
    const all = lines().map((line) => line.replace(/ {2,}/g, '  ').trim());
    expect(all).toContain('Schedule  30 2 * * *');
    expect(all).toContain('Policy  forbid');
    expect(all).toContain('Next run  Sun 2026-10-25 02:30:00 +02:00, in 1m');
    const runs = all.filter((line) => /started|skipped/.test(line));
    expect(runs).toEqual([
      'Sat 2026-10-24 02:30:00 +02:00  skipped  -  job job-1 is live',
      'Fri 2026-10-23 02:30:00 +02:00  started  job-1  -',
    ]);
  });

  it('shows the way that the last runs ended, also of runs that are too old to be listed as such', () => {
    const endedJobs = [
      {
        jobId: 'job-0',
        fireAtMs: at - 90 * 86_400_000,
        state: { state: State.FAILED },
        taskReason: 'failed: exit code 3',
      },
      {
        jobId: 'job-1',
        fireAtMs: at - 2 * 86_400_000,
        state: { state: State.FINISHED },
        taskReason: 'normal',
      },
    ];
    const ended = ClusterSchedule.fromPartial({ ...schedule, endedJobs });
    const all = lines(ended).map((line) => line.replace(/ {2,}/g, '  ').trim());
    expect(all.filter((line) => /started/.test(line))).toEqual([
      'Fri 2026-10-23 02:30:00 +02:00  started  job-1  FINISHED',
      'Mon 2026-07-27 02:30:00 +02:00  started  job-0  FAILED failed: exit code 3',
    ]);
  });

  it('shows the order of a replacement if the old job ends first', () => {
    const stopFirst = { policy: SchedulePolicy.REPLACE, replaceOrder: ReplaceOrder.STOP_FIRST };
    expect(lines(stopFirst).join('\n')).toMatch(/Policy +replace, the old job ends first/);
  });

  it('shows the reason of a schedule without runs, and a single time', () => {
    expect(lines({ paused: true, nextFireAtMs: 0 }).join('\n')).toMatch(/Status +paused\nNext run +-/);
    expect(lines({ enabled: false }).join('\n')).toContain('the cluster is disabled');
    const once = lines({ cronSpec: '', atMs: at, timeZone: 'UTC', lastFires: [] }).join('\n');
    expect(once).toContain('once, Sun 2026-10-25 00:30:00 +00:00');
    expect(once).not.toContain('Last runs');
  });
});
