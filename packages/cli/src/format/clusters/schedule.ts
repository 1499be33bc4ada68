import {
  type ClusterSchedule,
  type EndedJob,
  ReplaceOrder,
  SchedulePolicy,
} from '@berth/shared/gen/berth/v1/schedule_service';
import { type Fire, FireOutcome } from '@berth/shared/gen/berth/v1/store';
import { State, stateName } from '@berth/shared/model/task/task-state';
import { formatSpan } from '../../terminal/age.js';
import type { Colorize, Style } from '../../terminal/colors.js';
import { renderTable, type TableCell } from '../../terminal/table.js';
import { type Fact, facts, section } from '../jobs/detail.js';

export const runHeadings = ['RUNS AT', 'UTC', 'IN'] as const;

/**
 * Returns the row of a coming run under {@link runHeadings}: in the zone of the schedule, in UTC, and the
 * remaining time.
 */
export function runRow(atMs: number, timeZone: string, nowMs: number): TableCell[] {
  return [zonedTime(atMs, timeZone), new Date(atMs).toISOString(), formatSpan(atMs - nowMs)];
}

/** Returns date, time and offset in the time zone, such as `Sun 2026-11-22 06:00:00 +01:00`. */
export function zonedTime(atMs: number, timeZone: string): string {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'longOffset',
  });
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
  const [weekday, year, month, day, hour, minute, second, zone] = (
    ['weekday', 'year', 'month', 'day', 'hour', 'minute', 'second', 'timeZoneName'] as const
  ).map((type) => parts.get(type) ?? '');
  return `${weekday} ${year}-${month}-${day} ${hour}:${minute}:${second} ${offset(zone)}`;
}

/** Returns `+02:00` for `GMT+02:00`. Not all runtimes print the offset of UTC itself. */
function offset(zone = ''): string {
  return zone.replace(/^(GMT|UTC)/, '') || '+00:00';
}

const policies: Readonly<Record<SchedulePolicy, string>> = {
  [SchedulePolicy.UNSPECIFIED]: '-',
  [SchedulePolicy.ALLOW]: 'allow',
  [SchedulePolicy.FORBID]: 'forbid',
  [SchedulePolicy.REPLACE]: 'replace',
};

const outcomes: Readonly<Record<FireOutcome, readonly [string, Style | undefined]>> = {
  [FireOutcome.UNSPECIFIED]: ['-', undefined],
  [FireOutcome.STARTED]: ['started', 'green'],
  [FireOutcome.SKIPPED]: ['skipped', 'dim'],
  [FireOutcome.MISSED]: ['missed', 'yellow'],
  [FireOutcome.REFUSED]: ['refused', 'red'],
};

/** A schedule, and the results of its runs by the ids of their jobs. */
interface ShownSchedule {
  readonly schedule: ClusterSchedule;
  readonly results?: ReadonlyMap<string, string>;
}

/** Returns everything about a schedule as lines; of its last runs the newest comes first. */
export function scheduleDetail(
  { schedule, results = new Map() }: ShownSchedule,
  nowMs: number,
  colorize: Colorize,
): string[] {
  const { clusterId, clusterName, timeZone, nextFireAtMs } = schedule;
  const when = schedule.cronSpec || `once, ${zonedTime(schedule.atMs, timeZone)}`;
  const list: Fact[] = [
    ['Cluster', clusterId],
    ['Name', clusterName],
    ['Schedule', when],
    ['Time zone', timeZone],
    ['Policy', policyText(schedule)],
    ['Made up within', formatSpan(schedule.startingDeadlineMs)],
    ['Status', statusCell(schedule)],
    ['Next run', nextFireAtMs === 0 ? '-' : nextText(nextFireAtMs, timeZone, nowMs)],
  ];
  const texts = new Map([...schedule.endedJobs.map((job) => [job.jobId, endText(job)] as const), ...results]);
  const rows = allRuns(schedule)
    .toReversed()
    .map((run) => lastRunRow(run, timeZone, texts));
  const table =
    rows.length === 0 ? [] : renderTable(['RUN', 'OUTCOME', 'JOB', 'RESULT OR REASON'], rows, colorize);
  return [...facts(list, colorize), ...(rows.length === 0 ? [] : section('Last runs', table, colorize))];
}

function policyText({ policy, replaceOrder }: ClusterSchedule): string {
  const isStopFirst = replaceOrder === ReplaceOrder.STOP_FIRST;
  return isStopFirst ? `${policies[policy]}, the old job ends first` : policies[policy];
}

/** Returns the last runs, and before them older ones of which only the end is known. */
function allRuns({ lastFires, endedJobs }: ClusterSchedule): readonly Fire[] {
  const known = new Set(lastFires.map(({ jobId }) => jobId));
  const older = endedJobs.filter(({ jobId, fireAtMs }) => fireAtMs > 0 && !known.has(jobId));
  const runs = older.map(({ jobId, fireAtMs }): Fire => {
    return { atMs: fireAtMs, outcome: FireOutcome.STARTED, jobId, text: '' };
  });
  return [...runs.sort((a, b) => a.atMs - b.atMs), ...lastFires];
}

/** Returns the state of a job that has ended, and the reason: `FAILED failed: exit code 1`. */
function endText({ state, taskReason }: EndedJob): string {
  const reason = taskReason || (state?.reason ?? '');
  const isPlain = reason === '' || reason === 'normal';
  return [stateName(state?.state ?? State.QUEUED), isPlain ? '' : reason].filter(Boolean).join(' ');
}

function nextText(atMs: number, timeZone: string, nowMs: number): string {
  return `${zonedTime(atMs, timeZone)}, in ${formatSpan(atMs - nowMs)}`;
}

function statusCell({ enabled, paused }: ClusterSchedule): TableCell {
  if (!enabled) return { text: 'the cluster is disabled', style: 'yellow' };
  return paused ? { text: 'paused', style: 'yellow' } : { text: 'active', style: 'green' };
}

function lastRunRow(
  { atMs, outcome, jobId, text }: Fire,
  timeZone: string,
  results: ReadonlyMap<string, string>,
): TableCell[] {
  const [word, style] = outcomes[outcome];
  return [zonedTime(atMs, timeZone), { text: word, style }, jobId || '-', text || results.get(jobId) || '-'];
}
