import { describe, expect, it } from 'vitest';
import { ClusterRecord } from '../../gen/berth/v1/store.js';
import type { JobClusterDescriptor } from '../../gen/netflix/titus/titus_job_api.js';
import { nextRunMs, nextRuns, parseSchedule, type Schedule, scheduleOf } from './schedule.js';

function cluster(labels: Record<string, string>, mantis?: { cronSpec?: string; cronPolicy?: string }) {
  return ClusterRecord.fromPartial({
    id: 'c',
    descriptor: {
      jobDescriptor: { labels },
      clusterSpec: mantis === undefined ? { $case: 'batch', value: {} } : { $case: 'mantis', value: mantis },
    },
  });
}

function descriptorOf(record: ClusterRecord): JobClusterDescriptor | undefined {
  return record.descriptor;
}

/**
 * Returns the next runs after that time, as short UTC: `2026-03-29T01:00`, with seconds unless they are 0.
 */
function table(schedule: Schedule, after: string, count: number): readonly string[] {
  return nextRuns(schedule, Date.parse(after), count).map((atMs) =>
    new Date(atMs).toISOString().replace(/(:00)?\.000Z$/, ''),
  );
}

describe('the schedule of a cluster', () => {
  it('comes from its labels', () => {
    const labels = {
      'berth.cronSpec': ' 0 6 * * * ',
      'berth.cronTimeZone': 'Europe/Berlin',
      'berth.cronPolicy': 'keep_new',
      'berth.startingDeadlineSecs': '90',
    };
    expect(scheduleOf(cluster(labels))).toMatchObject({
      when: { $case: 'cron', expression: '0 6 * * *' },
      timeZone: 'Europe/Berlin',
      policy: 'replace',
      startingDeadlineMs: 90_000,
    });
  });

  it('keeps the meaning of a stored expression that would be refused today', () => {
    const schedule = scheduleOf(cluster({ 'berth.cronSpec': '*/40 * * * *' }));
    if (schedule === undefined) throw new Error('no schedule');
    expect(table(schedule, '2026-01-01T00:00:00Z', 2)).toEqual(['2026-01-01T00:40', '2026-01-01T01:00']);
  });

  it('has the order of a replacement', () => {
    const order = (more: Record<string, string>) =>
      scheduleOf(cluster({ 'berth.cronSpec': '@daily', 'berth.cronPolicy': 'replace', ...more }))
        ?.replaceOrder;
    expect(order({})).toBe('startFirst');
    expect(order({ 'berth.cronReplace': 'stopFirst' })).toBe('stopFirst');
    expect(order({ 'berth.cronReplace': 'STARTFIRST' })).toBe('startFirst');
  });

  it('may consist of one single time', () => {
    const schedule = scheduleOf(cluster({ 'berth.scheduleAt': '2027-01-31T08:00:00+02:00' }));
    if (schedule === undefined) throw new Error('no schedule');
    expect(table(schedule, '2026-01-01T00:00:00Z', 5)).toEqual(['2027-01-31T06:00']);
    expect(nextRunMs(schedule, Date.parse('2027-01-31T06:00:00Z'))).toBeUndefined();
  });

  it('takes both spellings of a policy, and defaults to ALLOW', () => {
    const policy = (said?: string) =>
      scheduleOf(
        cluster({ 'berth.cronSpec': '@daily', ...(said === undefined ? {} : { 'berth.cronPolicy': said }) }),
      )?.policy;
    expect(['allow', 'forbid', 'KEEP_EXISTING', 'replace', 'KEEP_NEW', undefined].map(policy)).toEqual([
      'allow',
      'forbid',
      'forbid',
      'replace',
      'replace',
      'allow',
    ]);
  });

  it('comes from the spec of a Mantis cluster, and defaults to KEEP_EXISTING', () => {
    expect(
      scheduleOf(cluster({ 'berth.cronTimeZone': 'Asia/Tokyo' }, { cronSpec: '0 0 * * *' })),
    ).toMatchObject({
      timeZone: 'Asia/Tokyo',
      policy: 'forbid',
      startingDeadlineMs: 300_000,
    });
    expect(scheduleOf(cluster({}, { cronSpec: '0 0 * * *', cronPolicy: 'KEEP_NEW' }))?.policy).toBe(
      'replace',
    );
  });

  it('is undefined without a declaration', () => {
    expect(scheduleOf(cluster({}))).toBeUndefined();
    expect(scheduleOf(cluster({}, {}))).toBeUndefined();
    expect(scheduleOf(ClusterRecord.fromPartial({ id: 'c' }))).toBeUndefined();
  });
});

describe('an invalid schedule', () => {
  const violations = (labels: Record<string, string>, mantis?: { cronSpec?: string; cronPolicy?: string }) =>
    parseSchedule(descriptorOf(cluster(labels, mantis))).violations.map(
      ({ field, description }) => `${field} ${description}`,
    );
  const spec = 'jobDescriptor.labels["berth.cronSpec"]';

  it('is refused with all its faults at once', () => {
    const labels = {
      'berth.cronSpec': '61 25 0 13 8',
      'berth.cronTimeZone': 'Mars/Olympus',
      'berth.cronPolicy': 'maybe',
      'berth.startingDeadlineSecs': '-1',
    };
    expect(violations(labels)).toEqual([
      `${spec} is no cron expression: minute "61" is not within 0 to 59`,
      `${spec} is no cron expression: hour "25" is not within 0 to 23`,
      `${spec} is no cron expression: day of month "0" is not within 1 to 31`,
      `${spec} is no cron expression: month "13" is not within 1 to 12`,
      `${spec} is no cron expression: day of week "8" is not within 0 to 7`,
      'jobDescriptor.labels["berth.cronTimeZone"] is no IANA time zone: write one such as "Europe/Berlin", or "UTC"',
      'jobDescriptor.labels["berth.cronPolicy"] is no policy: write "allow", "forbid" (or KEEP_EXISTING), or "replace" (or KEEP_NEW)',
      'jobDescriptor.labels["berth.startingDeadlineSecs"] is not a whole number of seconds from 1 to 2678400',
    ]);
  });

  it.each([
    ['', 'it is empty'],
    ['* * * *', 'it has 4 fields'],
    ['0 0 12 * * ? 2027', 'it has 7 fields'],
    ['@sometimes', 'it has 1 fields'],
    // Words that every object of the language knows.
    ['constructor', 'it has 1 fields'],
    ['__proto__', 'it has 1 fields'],
    ['? * * * *', 'minute "?" stands for a day only'],
    ['5-1 * * * *', 'minute "5-1" is a range that runs backwards'],
    ['*/0 * * * *', 'minute "*/0" has a step of 0'],
    ['1,,2 * * * *', 'minute "" is not a value, a range, a list or a step'],
    ['L * * * *', 'minute "L" is no last day'],
    ['*/40 * * * *', 'minute "*/40" leaves gaps of different lengths'],
    ['0 0 30 2 *', 'no day of the calendar is ever meant by it'],
  ])('refuses the expression %j', (expression, problem) => {
    expect(violations({ 'berth.cronSpec': expression })[0]).toContain(problem);
  });

  it('is refused if its order of a replacement is none, or has no place', () => {
    const label = 'jobDescriptor.labels["berth.cronReplace"]';
    const daily = { 'berth.cronSpec': '@daily', 'berth.cronReplace': 'stopFirst' };
    expect(violations(daily)).toEqual([`${label} means nothing beside the policy "allow"`]);
    expect(violations({ ...daily, 'berth.cronPolicy': 'replace', 'berth.cronReplace': 'both' })).toEqual([
      `${label} is no order: write "startFirst" or "stopFirst"`,
    ]);
    expect(violations({ 'berth.cronReplace': 'stopFirst' })[0]).toContain(
      'means nothing without berth.cronSpec',
    );
  });

  it('is refused at once if the expression of a Mantis cluster is longer than a label', () => {
    for (const minutes of ['1,'.repeat(1_000_000), 'x,'.repeat(1_000_000)])
      expect(violations({}, { cronSpec: `${minutes}1 * * * *` })).toEqual([
        'mantis.cronSpec is no cron expression: it has 2000009 characters, but at most 4096 are allowed',
      ]);
  });

  it('has its cron twice, or beside a single time, or not at all', () => {
    expect(violations({ 'berth.cronSpec': '@daily' }, { cronSpec: '@daily' })).toEqual([
      `mantis.cronSpec is declared a second time by ${spec}`,
    ]);
    expect(violations({ 'berth.cronSpec': '@daily', 'berth.scheduleAt': '2027-01-01T00:00:00Z' })).toEqual([
      `jobDescriptor.labels["berth.scheduleAt"] cannot be set together with ${spec}`,
    ]);
    expect(violations({ 'berth.cronPolicy': 'allow' })).toEqual([
      'jobDescriptor.labels["berth.cronPolicy"] means nothing without berth.cronSpec or berth.scheduleAt',
    ]);
  });

  it.each(['tomorrow', '2027-02-30T00:00:00Z', '2027-01-01', '2027-01-01T00:00:00', '2027-13-01T00:00:00Z'])(
    'takes %j for no time',
    (text) => {
      expect(violations({ 'berth.scheduleAt': text })).toHaveLength(1);
    },
  );
});
