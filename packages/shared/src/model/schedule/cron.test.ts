import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobClusterDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { nextRunMs, nextRuns, parseSchedule, type Schedule } from './schedule.js';

function cron(expression: string, zone?: string): Schedule {
  const labels = {
    'berth.cronSpec': expression,
    ...(zone === undefined ? {} : { 'berth.cronTimeZone': zone }),
  };
  const descriptor = JobClusterDescriptor.fromPartial({
    jobDescriptor: { labels },
    clusterSpec: { $case: 'batch', value: {} },
  });
  const { schedule, violations } = parseSchedule(descriptor);
  if (schedule === undefined) throw new Error(JSON.stringify(violations));
  return schedule;
}

/**
 * Returns the next runs after that time, as short UTC: `2026-03-29T01:00`, with seconds unless they are 0.
 */
function table(schedule: Schedule, after: string, count: number): readonly string[] {
  return nextRuns(schedule, Date.parse(after), count).map((atMs) =>
    new Date(atMs).toISOString().replace(/(:00)?\.000Z$/, ''),
  );
}

describe('a cron expression', () => {
  it('runs at its minutes, hours, days and months', () => {
    expect(table(cron('*/20 8-9 * * *'), '2026-11-22T08:20:00Z', 5)).toEqual([
      '2026-11-22T08:40',
      '2026-11-22T09:00',
      '2026-11-22T09:20',
      '2026-11-22T09:40',
      '2026-11-23T08:00',
    ]);
    expect(table(cron('5 0 1 jan,Jul *'), '2026-11-22T00:00:00Z', 3)).toEqual([
      '2027-01-01T00:05',
      '2027-07-01T00:05',
      '2028-01-01T00:05',
    ]);
  });

  it('runs at its seconds if it has six fields', () => {
    expect(table(cron('10/25 30 6 * * *'), '2026-11-22T06:30:10Z', 3)).toEqual([
      '2026-11-22T06:30:35',
      '2026-11-23T06:30:10',
      '2026-11-23T06:30:35',
    ]);
    expect(table(cron('* * * * * *'), '2026-11-22T23:59:58.200Z', 3)).toEqual([
      '2026-11-22T23:59:59',
      '2026-11-23T00:00',
      '2026-11-23T00:00:01',
    ]);
  });

  it('runs on either day if both are set, and otherwise on the one that is set', () => {
    // 2026-11-22 is a Sunday.
    expect(table(cron('0 0 13 * fri'), '2026-11-22T00:00:00Z', 5)).toEqual([
      '2026-11-27T00:00',
      '2026-12-04T00:00',
      '2026-12-11T00:00',
      '2026-12-13T00:00',
      '2026-12-18T00:00',
    ]);
    expect(table(cron('0 0 ? * 7'), '2026-11-22T00:00:00Z', 2)).toEqual([
      '2026-11-29T00:00',
      '2026-12-06T00:00',
    ]);
  });

  it('runs on the 29th of February in leap years only, and not in 2100', () => {
    expect(table(cron('0 12 29 2 *'), '2027-01-01T00:00:00Z', 2)).toEqual([
      '2028-02-29T12:00',
      '2032-02-29T12:00',
    ]);
    expect(table(cron('0 12 29 2 *'), '2096-03-01T00:00:00Z', 1)).toEqual(['2104-02-29T12:00']);
    // In 2032 and 2060 that day is a Sunday: a day of the week that begins with `*` narrows.
    expect(table(cron('0 0 29 2 */7'), '2027-01-01T00:00:00Z', 2)).toEqual([
      '2032-02-29T00:00',
      '2060-02-29T00:00',
    ]);
  });

  it('runs on the last days of the months that have them', () => {
    expect(table(cron('0 0 31 * *'), '2027-01-01T00:00:00Z', 4)).toEqual([
      '2027-01-31T00:00',
      '2027-03-31T00:00',
      '2027-05-31T00:00',
      '2027-07-31T00:00',
    ]);
  });

  it('follows the clock of its zone', () => {
    expect(table(cron('0 9 * * mon-fri', 'Asia/Kolkata'), '2026-11-21T00:00:00Z', 2)).toEqual([
      '2026-11-23T03:30',
      '2026-11-24T03:30',
    ]);
    expect(table(cron('0 0 1 * *', 'Pacific/Kiritimati'), '2026-11-22T00:00:00Z', 1)).toEqual([
      '2026-11-30T10:00',
    ]);
    expect(table(cron('30 23 31 12 *', 'Etc/GMT+12'), '2026-11-22T00:00:00Z', 1)).toEqual([
      '2027-01-01T11:30',
    ]);
  });

  it('has short forms such as @daily', () => {
    expect(table(cron('@daily'), '2026-11-22T08:00:00Z', 1)).toEqual(['2026-11-23T00:00']);
    expect(table(cron('@Hourly'), '2026-11-22T08:00:00Z', 1)).toEqual(['2026-11-22T09:00']);
    expect(table(cron('@weekly'), '2026-11-22T08:00:00Z', 1)).toEqual(['2026-11-29T00:00']);
    expect(table(cron('@monthly'), '2026-11-22T08:00:00Z', 1)).toEqual(['2026-12-01T00:00']);
    expect(table(cron('@yearly'), '2026-11-22T08:00:00Z', 1)).toEqual(['2027-01-01T00:00']);
  });
});

describe('a clock that is put forward', () => {
  it('runs a skipped time of day once, at the instant of the change', () => {
    // Berlin: on 29 March 2026 at 01:00 UTC, 02:00 becomes 03:00.
    expect(table(cron('30 2 * * *', 'Europe/Berlin'), '2026-03-28T00:00:00Z', 3)).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
    ]);
    expect(table(cron('*/20 2 * * *', 'Europe/Berlin'), '2026-03-28T23:00:00Z', 3)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
      '2026-03-30T00:20',
    ]);
  });

  it('runs once for a skipped time and a time at the change', () => {
    expect(table(cron('0 2,3 * * *', 'Europe/Berlin'), '2026-03-28T12:00:00Z', 3)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
      '2026-03-30T01:00',
    ]);
  });

  it('follows elapsed time for an expression of every hour', () => {
    expect(table(cron('*/30 * * * *', 'America/New_York'), '2026-03-08T06:15:00Z', 4)).toEqual([
      // 01:30, then 03:00: the clock leaps at 07:00 UTC.
      '2026-03-08T06:30',
      '2026-03-08T07:00',
      '2026-03-08T07:30',
      '2026-03-08T08:00',
    ]);
    // Every second hour of the clock: 00, 04 (since 02 is left out), 06.
    expect(table(cron('0 */2 * * *', 'America/New_York'), '2026-03-08T04:30:00Z', 3)).toEqual([
      '2026-03-08T05:00',
      '2026-03-08T08:00',
      '2026-03-08T10:00',
    ]);
  });

  it('obeys the same rules for half an hour, as on Lord Howe', () => {
    // On 4 October 2026 at 15:30 UTC of the 3rd, 02:00 (+10:30) becomes 02:30 (+11).
    expect(table(cron('15 2 * * *', 'Australia/Lord_Howe'), '2026-10-02T00:00:00Z', 3)).toEqual([
      '2026-10-02T15:45',
      '2026-10-03T15:30',
      '2026-10-04T15:15',
    ]);
    expect(table(cron('45 2 * * *', 'Australia/Lord_Howe'), '2026-10-03T12:00:00Z', 1)).toEqual([
      '2026-10-03T15:45',
    ]);
  });

  it('keeps the time of the new day at a midnight change, as in Havana', () => {
    // On 8 March 2026 at 05:00 UTC, 00:00 (-5) becomes 01:00 (-4).
    expect(table(cron('0 0 * * *', 'America/Havana'), '2026-03-07T12:00:00Z', 2)).toEqual([
      '2026-03-08T05:00',
      '2026-03-09T04:00',
    ]);
  });

  it('runs a skipped day at once, as on Samoa', () => {
    // There was no 30 December 2011 in Apia: it went from -10 to +14 at 10:00 UTC.
    expect(table(cron('0 12 * * *', 'Pacific/Apia'), '2011-12-29T00:00:00Z', 3)).toEqual([
      '2011-12-29T22:00',
      '2011-12-30T10:00',
      '2011-12-30T22:00',
    ]);
  });
});

describe('a clock that is put back', () => {
  it('runs a repeated time of day the first time only', () => {
    // Berlin: on 25 October 2026 at 01:00 UTC, 03:00 becomes 02:00.
    expect(table(cron('30 2 * * *', 'Europe/Berlin'), '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    // The same holds for a query within the second pass.
    expect(table(cron('30,45 2 * * *', 'Europe/Berlin'), '2026-10-25T01:10:00Z', 1)).toEqual([
      '2026-10-26T01:30',
    ]);
    expect(table(cron('0 3 * * *', 'Europe/Berlin'), '2026-10-24T12:00:00Z', 1)).toEqual([
      '2026-10-25T02:00',
    ]);
  });

  it('follows elapsed time for an expression of every hour', () => {
    // New York: on 1 November 2026 at 06:00 UTC, 02:00 becomes 01:00.
    expect(table(cron('30 * * * *', 'America/New_York'), '2026-11-01T05:00:00Z', 3)).toEqual([
      '2026-11-01T05:30',
      '2026-11-01T06:30',
      '2026-11-01T07:30',
    ]);
  });

  it('obeys the same rules for half an hour, as on Lord Howe', () => {
    // On 5 April 2026 at 15:00 UTC of the 4th, 02:00 (+11) becomes 01:30 (+10:30).
    expect(table(cron('45 1 * * *', 'Australia/Lord_Howe'), '2026-04-04T00:00:00Z', 2)).toEqual([
      '2026-04-04T14:45',
      '2026-04-05T15:15',
    ]);
    expect(table(cron('*/15 * * * *', 'Australia/Lord_Howe'), '2026-04-04T14:40:00Z', 4)).toEqual([
      '2026-04-04T14:45',
      '2026-04-04T15:00',
      '2026-04-04T15:15',
      '2026-04-04T15:30',
    ]);
  });

  it('does not repeat a day that begins twice, as once in Sao Paulo', () => {
    // On 18 February 2018 at 02:00 UTC, 00:00 (-2) became 23:00 (-3) of the 17th.
    expect(table(cron('30 23 * * *', 'America/Sao_Paulo'), '2018-02-17T12:00:00Z', 2)).toEqual([
      '2018-02-18T01:30',
      '2018-02-19T02:30',
    ]);
    expect(table(cron('30 * * * *', 'America/Sao_Paulo'), '2018-02-18T01:00:00Z', 3)).toEqual([
      '2018-02-18T01:30',
      '2018-02-18T02:30',
      '2018-02-18T03:30',
    ]);
  });
});

const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana'];

describe('the runs of any schedule', () => {
  it('are the same in a list and one by one from any instant between two', () => {
    const anInstant = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2028, 0) });
    const anExpression = fc.constantFrom(
      '30 2 * * *',
      '*/20 * * * *',
      '15 1,2,3 * * *',
      '0 0 * * *',
      '7 */3 * * *',
    );
    fc.assert(
      fc.property(anInstant, anExpression, fc.constantFrom(...zones), fc.nat(), (from, text, zone, dice) => {
        const schedule = cron(text, zone);
        const [first = 0, second = 0] = nextRuns(schedule, from, 2);
        expect(first).toBeGreaterThan(from);
        expect(second).toBeGreaterThan(first);
        expect(nextRunMs(schedule, from + (dice % (first - from)))).toBe(first);
        expect(nextRunMs(schedule, first + (dice % (second - first)))).toBe(second);
      }),
      { numRuns: 200 },
    );
  });

  it('come once a day for a time of the day, over two years of any zone', () => {
    for (const zone of zones) {
      const all = nextRuns(cron('30 2 * * *', zone), Date.UTC(2026, 0, 1, 12), 730);
      const days = all.map((atMs) => new Date(atMs).toLocaleDateString('en-CA', { timeZone: zone }));
      expect(new Set(days).size).toBe(730);
    }
  });

  it('are twenty minutes apart for every twenty minutes, over a year of a zone of whole hours', () => {
    const all = nextRuns(cron('*/20 * * * *', 'Europe/Berlin'), Date.UTC(2026, 0, 1), 366 * 72);
    expect(all.every((atMs, index) => index === 0 || atMs - (all[index - 1] ?? 0) === 1_200_000)).toBe(true);
  });
});
